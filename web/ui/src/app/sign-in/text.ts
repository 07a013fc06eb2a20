import { texts } from "../../lib/i18n";

export const useText = texts(
  {
    title: "Sign in",
    about: "to the gateway at",
    by: (label: string) => `Sign in with ${label}`,
    or: "or",
    password: "Name and password",
    token: "Token",
    login: "Name",
    secret: "Password",
    tokenHelp:
      "Of the configuration, of “voltgate token”, or of an administrator. The first one stands in the file “admin-token” beside the database.",
    submit: "Sign in",
    wrong: { password: "That name with that password is not known", token: "That token is not known" },
    wrongHelp: {
      password: "Administrators make users. Where there are none yet, sign in with a token.",
      token: "It may not be whole, be of another gateway, or be revoked.",
    },
    notKept: "The browser did not keep the sign-in",
    notKeptHelp:
      "It takes no cookie of this page. Allow cookies for it; and if a proxy sends “X-Forwarded-Proto: https”, open the page by https.",
  },
  {
    title: "Anmelden",
    about: "am Gateway unter",
    by: (label: string) => `Anmelden mit ${label}`,
    or: "oder",
    password: "Name und Passwort",
    token: "Token",
    login: "Name",
    secret: "Passwort",
    tokenHelp:
      "Aus der Konfiguration, von „voltgate token“ oder von einem Administrator. Das erste steht in der Datei „admin-token“ neben der Datenbank.",
    submit: "Anmelden",
    wrong: {
      password: "Diesen Namen mit diesem Passwort gibt es nicht",
      token: "Dieses Token gibt es nicht",
    },
    wrongHelp: {
      password:
        "Benutzer legen Administratoren an. Solange es keine gibt, melden Sie sich mit einem Token an.",
      token: "Es ist vielleicht nicht vollständig, von einem anderen Gateway oder widerrufen.",
    },
    notKept: "Der Browser hat die Anmeldung nicht behalten",
    notKeptHelp:
      "Er nimmt von dieser Seite kein Cookie an. Erlauben Sie ihr Cookies; und falls ein Proxy „X-Forwarded-Proto: https“ sendet, öffnen Sie die Seite mit https.",
  },
);
