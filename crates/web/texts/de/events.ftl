# Was mit einem Konto geschehen ist, ein Satz für jede Art von Ereignis. Was darüber gesagt wird
# (`about`), wissen Kontoinhaber und Prüfer; der Support sieht die letzte Form.
event-AccountOpened = { $about ->
    [operator] Ein Betreiber hat das Konto angelegt.
   *[other] Das Konto wurde angelegt.
}
event-PasswordChanged = Das Passwort wurde in den Einstellungen geändert.
event-PasswordRehashed = Das Passwort wurde mit stärkeren Einstellungen neu gespeichert.
event-PasswordResetRequested = Ein Link zum Zurücksetzen des Passworts wurde angefordert.
event-PasswordReset = Das Passwort wurde mit einem Link aus einer E-Mail zurückgesetzt.
event-PasswordRejected = { $about ->
    [sign-in] Jemand hat versucht, sich mit einem falschen Passwort anzumelden.
    [change-password] Beim Ändern des Passworts wurde das aktuelle Passwort falsch eingegeben.
    [start-enrollment] Beim Aktivieren der Zwei-Faktor-Authentifizierung wurde das aktuelle Passwort falsch eingegeben.
    [disable-two-factor] Beim Deaktivieren der Zwei-Faktor-Authentifizierung wurde das aktuelle Passwort falsch eingegeben.
   *[other] Es wurde ein falsches Passwort eingegeben.
}
event-AttemptsThrottled = { $about ->
    [password] Nach falschen Passwörtern mussten weitere Versuche warten.
    [current-password] Nach falschen Eingaben des aktuellen Passworts mussten weitere Versuche warten.
    [code] Nach falschen Codes mussten weitere Versuche warten.
    [enrollment-code] Nach falschen Codes für ein neues Gerät mussten weitere Versuche warten.
   *[other] Nach Fehlversuchen mussten weitere Versuche warten.
}
event-SecondFactorRequested = Das Passwort war richtig, und es wurde nach einem Code gefragt.
event-CodeRejected = { $about ->
    [spent] Das Passwort war richtig, aber der Code war schon einmal verwendet worden.
   *[other] Das Passwort war richtig, aber der Code war falsch.
}
event-SignedIn = { $about ->
    [code] Mit Passwort und Code angemeldet.
    [password] Mit dem Passwort angemeldet.
   *[other] Angemeldet.
}
event-SignedOut = Abgemeldet.
event-SessionsEnded = { $about ->
    [ended-by-owner] Der Kontoinhaber hat Sitzungen beendet.
    [password-changed] Die anderen Sitzungen wurden beendet, weil das Passwort geändert wurde.
    [password-reset] Alle Sitzungen wurden beendet, weil das Passwort zurückgesetzt wurde.
    [two-factor-enabled] Die anderen Sitzungen wurden beendet, weil die Zwei-Faktor-Authentifizierung aktiviert wurde.
    [two-factor-disabled] Die anderen Sitzungen wurden beendet, weil die Zwei-Faktor-Authentifizierung deaktiviert wurde.
    [unlocked] Alle Sitzungen wurden beendet, weil der Support das Konto entsperrt hat.
    [session-limit] Die älteste Sitzung hat einer neuen Platz gemacht.
    [expired] Sitzungen waren abgelaufen.
    [recovered] Alle Sitzungen wurden beendet, weil der Dienst aus einer Sicherung wiederhergestellt wurde.
   *[other] Sitzungen wurden beendet.
}
event-DeviceRemembered = { $about ->
    [unblock] Ein Link aus einer E-Mail hat einen Browser freigegeben.
   *[other] Ein Browser wurde als bekannt vermerkt.
}
event-EnrollmentStarted = Jemand hat begonnen, die Zwei-Faktor-Authentifizierung zu aktivieren.
event-EnrollmentCancelled = Das Aktivieren der Zwei-Faktor-Authentifizierung wurde abgebrochen.
event-EnrollmentCodeRejected = Beim Aktivieren der Zwei-Faktor-Authentifizierung wurde ein falscher Code eingegeben.
event-TwoFactorEnabled = Die Zwei-Faktor-Authentifizierung wurde aktiviert.
event-TwoFactorDisabled = Die Zwei-Faktor-Authentifizierung wurde deaktiviert.
event-AccountUnlocked = Der Support hat das Konto entsperrt.
event-AccountErased = Das Konto wurde gelöscht. Was in seinem Verlauf persönlich ist, kann niemand mehr lesen.
event-AccountRecovered = Der Dienst wurde aus einer Sicherung wiederhergestellt.
