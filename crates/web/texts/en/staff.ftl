# At the desks of the staff.
desk-support = Support desk
desk-audit = Audit
support-door = For members of support. Sign in with your staff token.
audit-door = For auditors. Sign in with your staff token.
staff-token-wrong = This token is not in force: it is mistyped, has expired or was revoked. Ask an operator for a new one.
staff-other-desk = This token is for another desk.
staff-recorded = Everything that you look at here is recorded under your name.

# Support.
support-find = Find an account
support-account = Account
support-find-text = Type the exact address of the person who asks for help.
support-not-found = There is no account with this address. Ask for the address with which the person registered.
account-id = Account id
support-why = Why can this person not sign in?
support-no-waits = Nobody has to wait: no attempts are refused at present.
support-two-factor-on = Two-factor authentication is on: signing in takes a code from the person's device. If the device is lost and no session is left, an unlock turns it off.
support-history = What happened last
from-network = from the network { $network }
known-device = from a known device
unknown-device = from an unknown device
wait-of-password = Wrong passwords from unknown browsers
wait-of-code = Wrong codes
wait-of-known-device = Wrong passwords from a known browser
wait-failures = { $number ->
    [one] one failure
   *[other] { $number } failures
}
wait-until = refused until
wait-until-lifted = refused until an unlock
unlock-open = Unlock this account
unlock-title = Unlock
unlock-heading = Unlock { $email }
unlock-will = This is what will happen, at once and under your name:
unlock-two-factor-off = Two-factor authentication is turned off. The password alone signs in.
unlock-two-factor-stays-off = Two-factor authentication is off already and stays so.
unlock-lifts-waits = Waits after wrong attempts are lifted.
unlock-no-waits = There are no waits to lift.
unlock-ends-pending = Sign-ins that wait for a code, mailed reset links, and an enrollment that was begun end.
unlock-changed = Two-factor authentication was turned on meanwhile. Read again what will happen, and decide anew.
unlock-sent-already = This form was sent already, with another reason. Look at the account before you send it again.
back-to-account = Back to the account
unlock-ends-sessions = { $number ->
    [0] There is no session to end.
    [one] One session ends.
   *[other] { $number } sessions end.
}
unlock-mails = The owner is told by mail.
unlock-password-stays = The password stays as it is. You are shown no secret.
unlock-identity = Be sure that you speak with the owner before you go on. Somebody who only has the password may be asking.
unlock-ask-first = And ask first whether the person is still signed in somewhere: there they can turn two-factor authentication off themselves.
reason-hint = What you were told, and how you made sure who asks. Auditors read it.
ticket-hint = The case in your helpdesk.
ticket = Ticket
unlock-reason-missing = Write why the account is unlocked.
prose-too-long = This is longer than { $number } characters.
prose-control-characters = This contains characters that cannot be shown. Type it again.
unlock = Unlock
nothing-to-unlock = There is nothing to unlock: no attempts are refused and two-factor authentication is off.

# Audit.
audit-find = Find a history
audit-find-text = An account's history is found by the account's id. Support sees it on the page of the account, and its owner in the settings.
audit-no-id = This is not an account id, which looks like 0198c5a1-7b2e-7001-8a00-000000000001. If you only have an address, ask support for the id.
audit-history = History of an account
audit-state = State at a point of the history
audit-state-then = state after event { $sequence }
audit-state-of = After event { $sequence }, of
audit-export = Export all events
audit-details = Details
audit-position = Position in the log
audit-no-position = not given yet
audit-hash = Hash
audit-user-agent = Program
audit-first = To the beginning
audit-next = More events
audit-show = Show the state after this event
audit-after-event = After event
audit-before = One event earlier
audit-after = One event later
audit-instant = Or at an instant (UTC)
audit-show-instant = Show the state at this instant
audit-beyond = The history does not reach that point: it begins when the account was opened, and ends now.
audit-no-point = This is neither the number of an event nor an instant such as 2026-03-01T10:00:00Z.
audit-json = As JSON
fact-email = Address
fact-erased = Erased
erased = erased
fact-created = Opened
fact-password = Password set
fact-two-factor = Two-factor authentication
fact-two-factor-since = On since
fact-sessions = Sessions
fact-challenges = Codes awaited
fact-resets = Open reset links
fact-rejected-codes = Wrong codes in a row
fact-last-sign-in = Last signed in
actor-visitor = a visitor
actor-owner = the owner
actor-support = support
actor-auditor = an auditor
actor-system = the system
