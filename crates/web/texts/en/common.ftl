# On every page.
skip = Skip to the content
account-menu = Your account
settings = Settings
sign-in = Sign in
sign-out = Sign out
sign-out-title = Sign out here?
trouble = Trouble signing in? Ask for help:
questions = Questions? Ask for help:
error-mark = Error:
trouble-nobody = Trouble signing in? Ask the people who run this service.
go-home = Go to the start page
request-id = Request id
since = since
none = none
never = never
cancel = Cancel
find = Find

# Fields.
field-email = Email address
field-password = Password
field-current-password = Current password
field-new-password = New password
field-code = Code from your authenticator app
field-token = Staff token
field-reason = Reason
field-ticket = Ticket (if there is one)
field-account = Account id
show-password = Show
hide-password = Hide
email-invalid = This is not an email address. Write it like ada@example.com.
new-password-hint = { $number ->
    [one] At least one character.
   *[other] At least { $number } characters. A few words that have nothing to do with each other are easy to remember.
}
strength-short = { $number } more characters
strength-short-one = One more character
strength-fair = Long enough. Longer is stronger.
strength-good = Nice and long
code-hint = Six digits. Each code is valid for about 30 seconds and can be used once.
password-too-short = { $number ->
    [one] The password is too short: it needs at least one character.
   *[other] The password is too short: it needs at least { $number } characters.
}
password-too-long = The password is too long: it can have at most 256 characters.
password-unassigned-character = The password contains a character that might not be typed the same way everywhere. Please leave it out.
password-common = The password is one of the most common ones, which are the first that others try. Please choose another.
password-about-you-or-this-service = The password is made of your address or of the name of this service, which are easy to guess. Please choose another, or add words of your own.
too-many-attempts = Too many attempts. Try again in { $wait }.
overloaded = Too much is going on just now. Try again in { $wait }.
wait-seconds = { $number ->
    [one] a second
   *[other] { $number } seconds
}
wait-minutes = { $number ->
    [one] a minute
   *[other] { $number } minutes
}
wait-hours = { $number ->
    [one] an hour
   *[other] { $number } hours
}

# What was done, said by the next page.
notice-signed-out = You are signed out.
notice-password-changed = Your password is changed. Every other session has ended.
notice-two-factor-enabled = Two-factor authentication is on. From now on, signing in asks for a code. Every other session has ended.
notice-two-factor-disabled = Two-factor authentication is off. Your password alone signs in. Every other session has ended.
notice-enrollment-cancelled = Nothing was turned on. Delete the new entry from your authenticator app.
notice-session-ended = The session has ended.
notice-others-ended = All other sessions have ended.
notice-account-unlocked = The account is unlocked. Its owner has been told by mail.
notice-enrollment-over = That is over: it was finished, broken off, or took too long. Below you see how things stand.
notice-account-ready = Your account is ready. Sign in with your address and your new password.
notice-password-reset = Your password is changed, and every session has ended. Sign in with the new password, and with a code if two-factor authentication is on.
notice-browser-unblocked = This browser is let through. Sign in with your password, and with a code if two-factor authentication is on.

# When something goes wrong.
problem-not-found-title = There is no such page
problem-not-found-advice = Perhaps the address was cut off or mistyped. If a link in a mail led you here, copy the whole link from the mail.
problem-form-title = Please try that once more
problem-form-advice = The form was not accepted: it lay open for too long, you have signed in or out since in another window, or your browser holds back cookies. Go back, load the page again, and send the form once more.
problem-link-title = This link no longer works
problem-link-advice = It was used already, or it is too old. If it has done what you wanted, just sign in; otherwise ask for a new link on the sign-in page.
problem-forbidden-title = This is not for you
problem-forbidden-advice = Your role does not allow this page.
problem-wait-title = Too many attempts
problem-wait-advice = Please wait { $wait } before you try again.
problem-unavailable-title = We cannot answer just now
problem-unavailable-advice = We do not know whether what you sent was carried out. Try again in { $wait }, and look how things stand first.
problem-overloaded-title = Too much is going on just now
problem-overloaded-advice = Nothing was changed. Please try again in { $wait }.
problem-internal-title = Something went wrong on our side
problem-internal-advice = Please try again. If it happens again, tell the people who run this service the request id below.
problem-sign-in-title = Please sign in
problem-sign-in-advice = You have to sign in for this page.
problem-state-title = That has changed meanwhile
problem-state-advice = What you asked for is no longer possible, or is done already. Load the page again to see how things stand.
problem-request-title = This cannot be understood
problem-request-advice = The form or the address is not one of ours, or holds too much. Go back and try again.

# The page that people get stuck on.
lost-device-title = Lost your device?
lost-device-do-not-reset = Do not reset your password.
lost-device-why = A reset signs you out everywhere and the code is asked for all the same. There are two ways out instead:
lost-device-session = Are you still signed in on another browser or device? There, open Settings, Two-Factor Authentication, give your password and choose Disable.
lost-device-here = Lost your device? You are signed in here, so you need nobody's help: turn two-factor authentication off above with your password, and on again with the new device. Do not reset your password.
lost-device-support = Otherwise support can unlock your account:
lost-device-support-nobody = Otherwise the people who run this service can unlock your account.
