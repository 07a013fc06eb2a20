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
    wrong: "That name and password, or that token, is not known.",
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
    wrong: "Diesen Namen mit diesem Passwort, oder dieses Token, kennt das Gateway nicht.",
  },
);
