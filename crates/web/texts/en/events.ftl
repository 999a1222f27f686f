# What happened to an account, one sentence for each type of event. What is told about it (`about`)
# is known to owners and auditors; support sees the last form.
event-AccountOpened = { $about ->
    [operator] An operator opened the account.
   *[other] The account was opened.
}
event-PasswordChanged = The password was changed in the settings.
event-PasswordRehashed = The password was stored anew with stronger settings.
event-PasswordResetRequested = A link to reset the password was asked for.
event-PasswordReset = The password was reset with a mailed link.
event-PasswordRejected = { $about ->
    [sign-in] Somebody tried to sign in with a wrong password.
    [change-password] A wrong current password was given to change the password.
    [start-enrollment] A wrong current password was given to turn two-factor authentication on.
    [disable-two-factor] A wrong current password was given to turn two-factor authentication off.
   *[other] A wrong password was given.
}
event-AttemptsThrottled = { $about ->
    [password] After wrong passwords, further attempts had to wait.
    [current-password] After wrong current passwords, further attempts had to wait.
    [code] After wrong codes, further attempts had to wait.
    [enrollment-code] After wrong codes for a new device, further attempts had to wait.
   *[other] After wrong attempts, further ones had to wait.
}
event-SecondFactorRequested = The password was right, and a code was asked for.
event-CodeRejected = { $about ->
    [spent] The password was right, and a code was given that had been used before.
   *[other] The password was right, and a wrong code was given.
}
event-SignedIn = { $about ->
    [code] Signed in with password and code.
    [password] Signed in with the password.
   *[other] Signed in.
}
event-SignedOut = Signed out.
event-SessionsEnded = { $about ->
    [ended-by-owner] The owner ended sessions.
    [password-changed] The other sessions ended, because the password was changed.
    [password-reset] All sessions ended, because the password was reset.
    [two-factor-enabled] The other sessions ended, because two-factor authentication was turned on.
    [two-factor-disabled] The other sessions ended, because two-factor authentication was turned off.
    [unlocked] All sessions ended, because support unlocked the account.
    [session-limit] The oldest session made room for a new one.
    [expired] Sessions had expired.
    [recovered] All sessions ended, because the service was restored from a backup.
   *[other] Sessions ended.
}
event-DeviceRemembered = { $about ->
    [unblock] A mailed link let a browser through.
   *[other] A browser became known.
}
event-EnrollmentStarted = Somebody began to turn two-factor authentication on.
event-EnrollmentCancelled = Turning two-factor authentication on was broken off.
event-EnrollmentCodeRejected = A wrong code was given to turn two-factor authentication on.
event-TwoFactorEnabled = Two-factor authentication was turned on.
event-TwoFactorDisabled = Two-factor authentication was turned off.
event-AccountUnlocked = Support unlocked the account.
event-AccountErased = The account was erased. What is personal in its history can be read by nobody.
event-AccountRecovered = The service was restored from a backup.
