import { Setting, useSetting } from "./setting";

export type Language = "en" | "de";

type Texts = { [key: string]: string | ((...args: never[]) => string) | Texts };

/** The same keys, with texts and functions of the same parameters: one that is missing does not compile. */
type Translated<T> = {
  [K in keyof T]: T[K] extends string
    ? string
    : T[K] extends (...args: infer A) => string
      ? (...args: A) => string
      : Translated<T[K]>;
};

const asked = typeof navigator === "undefined" ? "en" : navigator.language; // tests run without a browser
const preferred: Language = asked.toLowerCase().startsWith("de") ? "de" : "en";

export const language = new Setting<Language>("language", ["en", "de"], preferred);

export function useLanguage(): Language {
  return useSetting(language);
}

/** Return a hook that gives the texts of a page in the user's language. */
export function texts<T extends Texts>(en: T, de: Translated<T>): () => Translated<T> {
  const both = { en: en as unknown as Translated<T>, de }; // a text is a translation of itself
  return function useText() {
    return both[useLanguage()];
  };
}

/** Return "1 station", "2 stations": the number as the language writes it. */
export function counted(number: number, one: string, many: string): string {
  return `${number.toLocaleString(language.get())} ${number === 1 ? one : many}`;
}
