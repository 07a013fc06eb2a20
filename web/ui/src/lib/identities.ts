/** Return the identities of a text: one a line, or with commas, semicolons or tabs between them; each once. */
export function identitiesOf(text: string): string[] {
  return [...new Set(text.split(/[\n\r,;\t]+/).flatMap((one) => one.trim() || []))];
}
