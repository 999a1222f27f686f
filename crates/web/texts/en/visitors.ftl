# Signing in.
sign-in-wrong = That address and password do not fit together.
sign-in-unblock = Is it your account, and you are sure of the password? Somebody else may have been guessing.
sign-in-unblock-link = Get a mail with a link that lets this browser through
forgot-password = I forgot my password
back-to-sign-in = Back to signing in
sign-in-to-go-on = Please sign in to go on. If you had just sent a form, it was not carried out.
start-again = Start again with the password
challenge-expired = The code was asked for too long ago, or too many wrong codes were given. Please start again with your password.
code-title = Enter the code
code-wrong = This code was not accepted. Wait for the next one that your app shows, and try that.
code-six-digits = A code has six digits. Type all of them, as your app shows them.

# Registering.
register = Create an account
register-title = Create an account
register-text = We send a link to your mailbox. Whoever opens it chooses the password.
register-button = Send the link
sent-title = Look into your mailbox
sent-nothing = Nothing after a few minutes? Look into the spam folder, and check the address. Not more than three mails go out in an hour.
registered-text = If the address is right, a mail is on its way. The link in it lets you choose a password.
verify-title = Choose your password
verify-text = Your address is confirmed with the button below.
verify-button = Create the account

# Resetting the password.
reset-title = Reset your password
reset-text = We send you a link with which you choose a new password. A reset ends every session of the account at once and leaves two-factor authentication on.
reset-button = Send the link
reset-requested-text = If there is an account with this address, a mail is on its way. The link in it works once.
no-mail-text = No mail after some minutes? Somebody may have been asking in your name.
no-mail-link = Let this browser through first, and ask again
reset-link-title = Choose a new password
reset-link-text = Every session of your account ends, and two-factor authentication stays as it is.
reset-link-button = Change the password

# Letting a browser through.
unblock-title = Let this browser through
unblock-text = When somebody guesses at your password, new browsers have to wait. A link in a mail lets yours through. It signs nobody in: your password is asked for all the same.
unblock-button = Send the link
unblock-requested-text = If there is an account with this address, a mail is on its way. Open the link in it in this browser.
unblock-link-title = Let this browser through
unblock-link-text = With the button, this browser no longer has to wait because of other people's wrong attempts. It signs nobody in.
unblock-link-button = Let this browser through
