# Auf jeder Seite.
skip = Zum Inhalt springen
account-menu = Ihr Konto
settings = Einstellungen
sign-in = Anmelden
sign-out = Abmelden
sign-out-title = Hier abmelden?
trouble = Probleme beim Anmelden? Hier bekommen Sie Hilfe:
questions = Fragen? Hier gibt es Hilfe:
error-mark = Fehler:
trouble-nobody = Probleme beim Anmelden? Wenden Sie sich an die Betreiber dieses Dienstes.
go-home = Zur Startseite
request-id = Kennung der Anfrage
since = seit
none = kein Eintrag
never = nie
cancel = Abbrechen
find = Suchen

# Felder.
field-email = E-Mail-Adresse
field-password = Passwort
field-current-password = Aktuelles Passwort
field-new-password = Neues Passwort
field-code = Code aus Ihrer Authenticator-App
field-token = Mitarbeiter-Token
field-reason = Begründung
field-ticket = Ticket (falls vorhanden)
field-account = Kontokennung
show-password = Anzeigen
hide-password = Verbergen
email-invalid = Das ist keine E-Mail-Adresse. Schreiben Sie sie so: ada@example.com.
new-password-hint = { $number ->
    [one] Mindestens ein Zeichen.
   *[other] Mindestens { $number } Zeichen. Ein paar Wörter, die nichts miteinander zu tun haben, kann man sich leicht merken.
}
strength-short = Noch { $number } Zeichen
strength-short-one = Noch ein Zeichen
strength-fair = Lang genug. Länger ist sicherer.
strength-good = Schön lang
code-hint = Sechs Ziffern. Jeder Code gilt etwa 30 Sekunden und kann nur einmal verwendet werden.
password-too-short = { $number ->
    [one] Das Passwort ist zu kurz: Es braucht mindestens ein Zeichen.
   *[other] Das Passwort ist zu kurz: Es braucht mindestens { $number } Zeichen.
}
password-too-long = Das Passwort ist zu lang: Es darf höchstens 256 Zeichen haben.
password-unassigned-character = Das Passwort enthält ein Zeichen, das sich vielleicht nicht überall gleich eingeben lässt. Bitte lassen Sie es weg.
password-common = Das Passwort gehört zu den häufigsten, und die probieren andere als Erstes aus. Bitte wählen Sie ein anderes.
password-about-you-or-this-service = Das Passwort besteht aus Ihrer Adresse oder aus dem Namen dieses Dienstes und ist leicht zu erraten. Bitte wählen Sie ein anderes oder fügen Sie eigene Wörter hinzu.
too-many-attempts = Zu viele Versuche. Versuchen Sie es in { $wait } noch einmal.
overloaded = Im Moment ist zu viel los. Versuchen Sie es in { $wait } noch einmal.
# Immer im Dativ, nach „in“.
wait-seconds = { $number ->
    [one] einer Sekunde
   *[other] { $number } Sekunden
}
wait-minutes = { $number ->
    [one] einer Minute
   *[other] { $number } Minuten
}
wait-hours = { $number ->
    [one] einer Stunde
   *[other] { $number } Stunden
}

# Was getan wurde; das sagt die nächste Seite.
notice-signed-out = Sie sind abgemeldet.
notice-password-changed = Ihr Passwort ist geändert. Alle anderen Sitzungen sind beendet.
notice-two-factor-enabled = Die Zwei-Faktor-Authentifizierung ist aktiviert. Ab jetzt werden Sie beim Anmelden nach einem Code gefragt. Alle anderen Sitzungen sind beendet.
notice-two-factor-disabled = Die Zwei-Faktor-Authentifizierung ist deaktiviert. Zum Anmelden genügt jetzt Ihr Passwort. Alle anderen Sitzungen sind beendet.
notice-enrollment-cancelled = Es wurde nichts aktiviert. Löschen Sie den neuen Eintrag aus Ihrer Authenticator-App.
notice-session-ended = Die Sitzung ist beendet.
notice-others-ended = Alle anderen Sitzungen sind beendet.
notice-account-unlocked = Das Konto ist entsperrt. Der Kontoinhaber wurde per E-Mail benachrichtigt.
notice-enrollment-over = Das ist vorbei: Es wurde abgeschlossen, abgebrochen oder hat zu lange gedauert. Unten sehen Sie den jetzigen Stand.
notice-account-ready = Ihr Konto ist bereit. Melden Sie sich mit Ihrer Adresse und Ihrem neuen Passwort an.
notice-password-reset = Ihr Passwort ist geändert, und alle Sitzungen sind beendet. Melden Sie sich mit dem neuen Passwort an, und mit einem Code, falls die Zwei-Faktor-Authentifizierung aktiviert ist.
notice-browser-unblocked = Dieser Browser ist freigegeben. Melden Sie sich mit Ihrem Passwort an, und mit einem Code, falls die Zwei-Faktor-Authentifizierung aktiviert ist.

# Wenn etwas nicht gelingt.
problem-not-found-title = Diese Seite gibt es nicht
problem-not-found-advice = Vielleicht ist die Adresse unvollständig oder enthält einen Tippfehler. Wenn Sie über einen Link aus einer E-Mail hierhergekommen sind, kopieren Sie den ganzen Link aus der E-Mail.
problem-form-title = Bitte versuchen Sie es noch einmal
problem-form-advice = Das Formular wurde nicht angenommen: Es war zu lange geöffnet, Sie haben sich inzwischen in einem anderen Fenster an- oder abgemeldet, oder Ihr Browser lässt keine Cookies zu. Gehen Sie zurück, laden Sie die Seite neu und senden Sie das Formular noch einmal ab.
problem-link-title = Dieser Link gilt nicht mehr
problem-link-advice = Er wurde schon benutzt oder ist zu alt. Wenn er getan hat, was Sie wollten, melden Sie sich einfach an; sonst fordern Sie auf der Anmeldeseite einen neuen an.
problem-forbidden-title = Diese Seite ist nicht für Sie bestimmt
problem-forbidden-advice = Mit Ihrer Rolle dürfen Sie diese Seite nicht öffnen.
problem-wait-title = Zu viele Versuche
problem-wait-advice = Bitte versuchen Sie es erst in { $wait } noch einmal.
problem-unavailable-title = Wir können gerade nicht antworten
problem-unavailable-advice = Wir wissen nicht, ob das, was Sie gesendet haben, ausgeführt wurde. Versuchen Sie es in { $wait } noch einmal, und sehen Sie zuerst nach, wie es steht.
problem-overloaded-title = Im Augenblick ist zu viel los
problem-overloaded-advice = Es wurde nichts geändert. Bitte versuchen Sie es in { $wait } noch einmal.
problem-internal-title = Bei uns ist etwas schiefgegangen
problem-internal-advice = Bitte versuchen Sie es noch einmal. Wenn es wieder geschieht, nennen Sie den Betreibern dieses Dienstes die Kennung der Anfrage, die unten steht.
problem-sign-in-title = Bitte melden Sie sich an
problem-sign-in-advice = Für diese Seite müssen Sie angemeldet sein.
problem-state-title = Inzwischen hat sich etwas geändert
problem-state-advice = Was Sie tun wollten, ist nicht mehr möglich oder schon erledigt. Laden Sie die Seite neu, um den jetzigen Stand zu sehen.
problem-request-title = Diese Anfrage ist nicht verständlich
problem-request-advice = Das Formular oder die Adresse stammt nicht von uns oder enthält zu viel. Gehen Sie zurück und versuchen Sie es noch einmal.

# Die Seite, auf der man nicht weiterkommt.
lost-device-title = Gerät verloren?
lost-device-do-not-reset = Setzen Sie Ihr Passwort nicht zurück.
lost-device-why = Das Zurücksetzen meldet Sie überall ab, und nach dem Code werden Sie trotzdem gefragt. Stattdessen gibt es zwei Auswege:
lost-device-session = Sind Sie in einem anderen Browser oder auf einem anderen Gerät noch angemeldet? Öffnen Sie dort „Einstellungen“ und dann „Zwei-Faktor-Authentifizierung“, geben Sie Ihr Passwort ein und wählen Sie „Deaktivieren“.
lost-device-here = Gerät verloren? Sie sind hier angemeldet und brauchen keine Hilfe: Deaktivieren Sie oben die Zwei-Faktor-Authentifizierung mit Ihrem Passwort, und aktivieren Sie sie mit dem neuen Gerät wieder. Setzen Sie Ihr Passwort nicht zurück.
lost-device-support = Sonst kann der Support Ihr Konto entsperren:
lost-device-support-nobody = Sonst können die Betreiber dieses Dienstes Ihr Konto entsperren.
