# The start page.
home-title = Welcome
home-signed-in = You are signed in as { $email }.
home-two-factor-off = Your account is protected by a password alone.
home-apps = Your applications
home-settings = Look after your account in the settings

# Settings.
settings-since = account since
password = Password
password-changed = changed
sessions = Sessions
sessions-short = where you are signed in
activity = Recent activity
activity-text = The last things that happened to your account. If something was not you, change your password.
from-address = from { $address }

# The password.
change-password = Change the password
change-password-text = Every other session ends. This one stays.
current-password-wrong = This is not your current password.
current-password-missing = Type your current password.

# Sessions.
sessions-text = Every browser and program that is signed in to your account. End what you do not know, then change your password.
unknown-program = Unknown program
this-session = this session
session-began = signed in
session-seen = last seen
with-code = with password and code
with-password = with password
end-session = End
end-others = End all other sessions

# Two-factor authentication.
two-factor = Two-Factor Authentication
two-factor-enabled = On
two-factor-disabled = Off
two-factor-enrolling = Off (being turned on)
two-factor-banner = Two-factor authentication is on since
two-factor-on-text = Signing in takes your password and a code from your authenticator app.
two-factor-off-text = With two-factor authentication, signing in takes your password and a code from an app on your phone. Somebody who has your password still cannot get in.
enable-title = Turn it on
enable-text = You need an authenticator app, such as Google Authenticator, Authy or Salesforce Authenticator. Any app for time-based codes will do.
enable-again-title = Begin again
enable-again-text = You are shown a new QR code. The earlier one is void: delete its entry from your app.
enable-two-factor = Enable 2FA
enable = Enable
enrollment-pending = You have begun to turn it on and not finished. The QR code cannot be shown again; what you scanned is good until
enrollment-replaces = This is a new QR code. If you have scanned an earlier one, delete its entry from your app and scan this one.
enrollment-scanned-title = You have scanned it already
enrollment-code-wrong = This code was not accepted. That costs nothing: wait for the next code that your app shows, and try that. The QR code is still the same. If no code is ever accepted, check that your phone sets its clock automatically.
enrollment-expires = Finish this before
cancel-enrollment = Do not turn it on
scan-title = 1. Scan the QR code
scan-text = Open your authenticator app, add an account, and scan this code. The app then shows the name of this service and your address, with a code.
cannot-scan = You cannot scan it? Reveal
the-secret-key = the secret key
secret-text = Type this key into your app as a time-based key. It is shown only now: keep it to yourself.
copy = Copy
copied = Copied
open-in-app = Or open it in an authenticator app on this device
confirm-title = 2. Enter the code
confirm-text = Type the code that your app shows now.
keep-app = Do not delete the app from your phone while two-factor authentication is on.
disable-title = Turn it off
disable-text = Afterwards your password alone signs in, and you are told by mail. Every other session ends.
disable = Disable
change-device-title = Changing your phone?
change-device-text = Turn two-factor authentication off here, with the old phone still at hand, and on again with the new one.
change-device-warning = Codes cannot be transferred from one device to another, and whoever deletes the authenticator app is locked out.
