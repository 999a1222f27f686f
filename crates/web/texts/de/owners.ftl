# Die Startseite.
home-title = Willkommen
home-signed-in = Sie sind als { $email } angemeldet.
home-two-factor-off = Ihr Konto ist nur durch ein Passwort geschützt.
home-apps = Ihre Anwendungen
home-settings = Ihr Konto in den Einstellungen verwalten

# Einstellungen.
settings-since = Konto seit
password = Passwort
password-changed = geändert am
sessions = Sitzungen
sessions-short = wo Sie angemeldet sind
activity = Letzte Ereignisse
activity-text = Was zuletzt mit Ihrem Konto geschehen ist. Wenn Sie etwas davon nicht selbst waren, ändern Sie Ihr Passwort.
from-address = von der IP-Adresse { $address }

# Das Passwort.
change-password = Passwort ändern
change-password-text = Alle anderen Sitzungen werden beendet. Diese bleibt bestehen.
current-password-wrong = Das ist nicht Ihr aktuelles Passwort.
current-password-missing = Geben Sie Ihr aktuelles Passwort ein.

# Sitzungen.
sessions-text = Alle Browser und Programme, die an Ihrem Konto angemeldet sind. Beenden Sie, was Sie nicht kennen, und ändern Sie dann Ihr Passwort.
unknown-program = Unbekanntes Programm
this-session = diese Sitzung
session-began = angemeldet am
session-seen = zuletzt aktiv am
with-code = mit Passwort und Code
with-password = mit Passwort
end-session = Beenden
end-others = Alle anderen Sitzungen beenden

# Zwei-Faktor-Authentifizierung.
two-factor = Zwei-Faktor-Authentifizierung
two-factor-enabled = Aktiviert
two-factor-disabled = Nicht aktiviert
two-factor-enrolling = Nicht aktiviert (wird gerade eingerichtet)
two-factor-banner = Die Zwei-Faktor-Authentifizierung ist aktiviert seit
two-factor-on-text = Zum Anmelden brauchen Sie Ihr Passwort und einen Code aus Ihrer Authenticator-App.
two-factor-off-text = Mit der Zwei-Faktor-Authentifizierung brauchen Sie zum Anmelden Ihr Passwort und einen Code aus einer App auf Ihrem Telefon. Wer nur Ihr Passwort hat, kommt dann nicht hinein.
enable-title = Jetzt aktivieren
enable-text = Sie brauchen eine Authenticator-App, zum Beispiel Google Authenticator, Authy oder Salesforce Authenticator. Jede App für zeitbasierte Codes ist geeignet.
enable-again-title = Von vorn beginnen
enable-again-text = Sie sehen einen neuen QR-Code. Der frühere gilt dann nicht mehr: Löschen Sie seinen Eintrag aus Ihrer App.
enable-two-factor = 2FA aktivieren
enable = Aktivieren
enrollment-pending = Sie haben mit dem Aktivieren begonnen, sind aber nicht fertig geworden. Der QR-Code kann nicht noch einmal gezeigt werden. Was Sie schon gescannt haben, gilt bis
enrollment-replaces = Das ist ein neuer QR-Code. Falls Sie einen früheren gescannt haben, löschen Sie dessen Eintrag aus der App, und scannen Sie diesen.
enrollment-scanned-title = Sie haben den QR-Code schon gescannt
enrollment-code-wrong = Dieser Code wurde nicht angenommen. Das macht nichts: Warten Sie auf den nächsten Code in Ihrer App und geben Sie ihn ein. Der QR-Code ist noch derselbe. Wenn nie ein Code angenommen wird, prüfen Sie, ob Ihr Telefon die Uhrzeit automatisch einstellt.
enrollment-expires = Sie haben dafür Zeit bis
cancel-enrollment = Nicht aktivieren
scan-title = 1. QR-Code scannen
scan-text = Öffnen Sie Ihre Authenticator-App, fügen Sie ein Konto hinzu und scannen Sie diesen Code. Die App zeigt dann den Namen dieses Dienstes und Ihre Adresse, dazu einen Code.
cannot-scan = Sie können den QR-Code nicht scannen? Hier sehen Sie
the-secret-key = den geheimen Schlüssel
secret-text = Geben Sie diesen Schlüssel als zeitbasierten Schlüssel in Ihre App ein. Er wird nur jetzt gezeigt: Behalten Sie ihn für sich.
copy = Kopieren
copied = Kopiert
open-in-app = Oder in einer Authenticator-App auf diesem Gerät öffnen
confirm-title = 2. Code eingeben
confirm-text = Geben Sie den Code ein, den Ihre App jetzt zeigt.
keep-app = Löschen Sie die App nicht von Ihrem Telefon, solange die Zwei-Faktor-Authentifizierung aktiviert ist.
disable-title = Wieder deaktivieren
disable-text = Danach genügt zum Anmelden Ihr Passwort. Sie werden per E-Mail benachrichtigt. Alle anderen Sitzungen werden beendet.
disable = Deaktivieren
change-device-title = Wechseln Sie Ihr Telefon?
change-device-text = Deaktivieren Sie hier die Zwei-Faktor-Authentifizierung, solange Sie das alte Telefon noch haben. Aktivieren Sie sie dann mit dem neuen wieder.
change-device-warning = Codes lassen sich nicht von einem Gerät auf ein anderes übertragen. Wer die Authenticator-App löscht, ist ausgesperrt.
