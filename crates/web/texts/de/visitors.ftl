# Anmelden.
sign-in-wrong = Diese Adresse und dieses Passwort passen nicht zusammen.
sign-in-unblock = Ist es Ihr Konto, und sind Sie sich beim Passwort sicher? Vielleicht hat jemand anderes versucht, es zu erraten.
sign-in-unblock-link = E-Mail mit einem Link anfordern, der diesen Browser freigibt
forgot-password = Ich habe mein Passwort vergessen
back-to-sign-in = Zurück zur Anmeldung
sign-in-to-go-on = Bitte melden Sie sich an, um weiterzumachen. Falls Sie gerade ein Formular gesendet hatten: Es wurde nicht ausgeführt.
start-again = Noch einmal mit dem Passwort beginnen
challenge-expired = Die Frage nach dem Code liegt zu lange zurück, oder es gab zu viele falsche Versuche. Bitte beginnen Sie noch einmal mit Ihrem Passwort.
code-title = Code eingeben
code-wrong = Dieser Code wurde nicht angenommen. Warten Sie auf den nächsten Code in Ihrer App und geben Sie ihn ein.
code-six-digits = Ein Code hat sechs Ziffern. Geben Sie alle ein, so wie die App sie zeigt.

# Ein Konto anlegen.
register = Konto anlegen
register-title = Konto anlegen
register-text = Wir senden einen Link an Ihr Postfach. Wer ihn öffnet, legt das Passwort fest.
register-button = Link senden
sent-title = Sehen Sie in Ihr Postfach
sent-nothing = Nach einigen Minuten nichts da? Sehen Sie im Spam-Ordner nach, und prüfen Sie die Adresse. In einer Stunde gehen höchstens drei E-Mails hinaus.
registered-text = Wenn die Adresse stimmt, ist eine E-Mail unterwegs. Mit dem Link darin legen Sie ein Passwort fest.
verify-title = Passwort festlegen
verify-text = Mit der Schaltfläche unten bestätigen Sie Ihre Adresse.
verify-button = Konto anlegen

# Das Passwort zurücksetzen.
reset-title = Passwort zurücksetzen
reset-text = Wir senden Ihnen einen Link, mit dem Sie ein neues Passwort festlegen. Das Zurücksetzen beendet sofort alle Sitzungen des Kontos. Eine aktivierte Zwei-Faktor-Authentifizierung bleibt aktiviert.
reset-button = Link senden
reset-requested-text = Wenn es zu dieser Adresse ein Konto gibt, ist eine E-Mail unterwegs. Der Link darin funktioniert einmal.
no-mail-text = Nach einigen Minuten noch keine E-Mail? Vielleicht hat jemand in Ihrem Namen angefragt.
no-mail-link = Geben Sie zuerst diesen Browser frei, und fragen Sie noch einmal an
reset-link-title = Neues Passwort festlegen
reset-link-text = Alle Sitzungen Ihres Kontos werden beendet, und die Zwei-Faktor-Authentifizierung bleibt, wie sie ist.
reset-link-button = Passwort ändern

# Einen Browser freigeben.
unblock-title = Diesen Browser freigeben
unblock-text = Wenn jemand versucht, Ihr Passwort zu erraten, müssen neue Browser warten. Mit einem Link in einer E-Mail geben Sie Ihren Browser frei. Angemeldet wird damit niemand: Nach Ihrem Passwort werden Sie trotzdem gefragt.
unblock-button = Link senden
unblock-requested-text = Wenn es zu dieser Adresse ein Konto gibt, ist eine E-Mail unterwegs. Öffnen Sie den Link darin in diesem Browser.
unblock-link-title = Diesen Browser freigeben
unblock-link-text = Mit der Schaltfläche geben Sie diesen Browser frei. Er muss dann nicht mehr wegen der Fehlversuche anderer warten. Angemeldet wird damit niemand.
unblock-link-button = Browser freigeben
