# In den Bereichen der Mitarbeiter.
desk-support = Support
desk-audit = Prüfung
support-door = Für Mitarbeiter des Supports. Melden Sie sich mit Ihrem Mitarbeiter-Token an.
audit-door = Für Prüfer. Melden Sie sich mit Ihrem Mitarbeiter-Token an.
staff-token-wrong = Dieses Token gilt nicht: Es enthält einen Tippfehler, ist abgelaufen oder wurde widerrufen. Bitten Sie einen Betreiber um ein neues.
staff-other-desk = Dieses Token ist für einen anderen Bereich.
staff-recorded = Alles, was Sie sich hier ansehen, wird unter Ihrem Namen aufgezeichnet.

# Support.
support-find = Konto suchen
support-account = Konto
support-find-text = Geben Sie die genaue Adresse der Person ein, die um Hilfe bittet.
support-not-found = Zu dieser Adresse gibt es kein Konto. Fragen Sie nach der Adresse, mit der die Person ihr Konto angelegt hat.
account-id = Kontokennung
support-why = Warum kann sich diese Person nicht anmelden?
support-no-waits = Zurzeit werden keine Anmeldeversuche abgewiesen.
support-two-factor-on = Die Zwei-Faktor-Authentifizierung ist aktiviert: Zum Anmelden ist ein Code vom Gerät der Person nötig. Wenn das Gerät verloren und keine Sitzung mehr offen ist, wird sie durch das Entsperren deaktiviert.
support-history = Was zuletzt geschehen ist
from-network = aus dem Netz { $network }
known-device = von einem bekannten Gerät
unknown-device = von einem unbekannten Gerät
wait-of-password = Falsche Passwörter aus unbekannten Browsern
wait-of-code = Falsche Codes
wait-of-known-device = Falsche Passwörter aus einem bekannten Browser
wait-failures = { $number ->
    [one] ein Fehlversuch
   *[other] { $number } Fehlversuche
}
wait-until = weitere Versuche werden abgewiesen bis
wait-until-lifted = weitere Versuche werden bis zum Entsperren abgewiesen
unlock-open = Dieses Konto entsperren
unlock-title = Entsperren
unlock-heading = { $email } entsperren
unlock-will = Das geschieht sofort und unter Ihrem Namen:
unlock-two-factor-off = Die Zwei-Faktor-Authentifizierung wird deaktiviert. Zum Anmelden genügt dann das Passwort.
unlock-two-factor-stays-off = Die Zwei-Faktor-Authentifizierung ist nicht aktiviert, und das bleibt so.
unlock-lifts-waits = Wartezeiten nach Fehlversuchen werden aufgehoben.
unlock-no-waits = Es sind keine Wartezeiten aufzuheben.
unlock-ends-pending = Anmeldungen, die auf einen Code warten, verschickte Links zum Zurücksetzen und eine begonnene Einrichtung enden.
unlock-changed = Inzwischen wurde die Zwei-Faktor-Authentifizierung aktiviert. Lesen Sie noch einmal, was geschieht, und entscheiden Sie neu.
unlock-sent-already = Dieses Formular wurde schon gesendet, mit einem anderen Grund. Sehen Sie sich das Konto an, bevor Sie es noch einmal senden.
back-to-account = Zurück zum Konto
unlock-ends-sessions = { $number ->
    [0] Es ist keine Sitzung zu beenden.
    [one] Eine Sitzung wird beendet.
   *[other] { $number } Sitzungen werden beendet.
}
unlock-mails = Der Kontoinhaber wird per E-Mail benachrichtigt.
unlock-password-stays = Das Passwort bleibt, wie es ist. Ihnen wird nichts Geheimes gezeigt.
unlock-identity = Vergewissern Sie sich, dass Sie mit dem Kontoinhaber sprechen, bevor Sie fortfahren. Vielleicht fragt jemand, der nur das Passwort hat.
unlock-ask-first = Und fragen Sie zuerst, ob die Person noch irgendwo angemeldet ist: Dort kann sie die Zwei-Faktor-Authentifizierung selbst deaktivieren.
reason-hint = Was Ihnen gesagt wurde und wie Sie sich vergewissert haben, wer fragt. Prüfer lesen es.
ticket-hint = Der Vorgang in Ihrem Ticketsystem.
ticket = Ticket
unlock-reason-missing = Schreiben Sie, warum das Konto entsperrt wird.
prose-too-long = Das ist länger als { $number } Zeichen.
prose-control-characters = Das enthält Zeichen, die sich nicht anzeigen lassen. Geben Sie es noch einmal ein.
unlock = Entsperren
nothing-to-unlock = Es gibt nichts zu entsperren: Es werden keine Versuche abgewiesen, und die Zwei-Faktor-Authentifizierung ist nicht aktiviert.

# Prüfung.
audit-find = Verlauf suchen
audit-find-text = Den Verlauf eines Kontos finden Sie über die Kontokennung. Der Support sieht sie auf der Seite des Kontos, der Kontoinhaber in den Einstellungen.
audit-no-id = Das ist keine Kontokennung. Eine Kontokennung sieht so aus: 0198c5a1-7b2e-7001-8a00-000000000001. Wenn Sie nur eine Adresse haben, fragen Sie den Support nach der Kennung.
audit-history = Verlauf eines Kontos
audit-state = Stand an einer Stelle des Verlaufs
audit-state-then = Stand nach Ereignis { $sequence }
audit-state-of = Nach Ereignis { $sequence } vom
audit-export = Alle Ereignisse exportieren
audit-details = Einzelheiten
audit-position = Stelle im Protokoll
audit-no-position = noch nicht vergeben
audit-hash = Hashwert
audit-user-agent = Programm
audit-first = Zum Anfang
audit-next = Weitere Ereignisse
audit-show = Stand nach diesem Ereignis zeigen
audit-after-event = Nach Ereignis
audit-before = Ein Ereignis früher
audit-after = Ein Ereignis später
audit-instant = Oder zu einem Zeitpunkt (UTC)
audit-show-instant = Stand zu diesem Zeitpunkt zeigen
audit-beyond = So weit reicht der Verlauf nicht: Er beginnt, wenn das Konto eröffnet wird, und endet jetzt.
audit-no-point = Das ist weder die Nummer eines Ereignisses noch ein Zeitpunkt wie 2026-03-01T10:00:00Z.
audit-json = Als JSON
fact-email = Adresse
fact-erased = Gelöscht
erased = gelöscht
fact-created = Angelegt
fact-password = Passwort festgelegt
fact-two-factor = Zwei-Faktor-Authentifizierung
fact-two-factor-since = Aktiviert seit
fact-sessions = Sitzungen
fact-challenges = Erwartete Codes
fact-resets = Offene Links zum Zurücksetzen
fact-rejected-codes = Falsche Codes in Folge
fact-last-sign-in = Zuletzt angemeldet
actor-visitor = ein Besucher
actor-owner = der Kontoinhaber
actor-support = der Support
actor-auditor = ein Prüfer
actor-system = das System
