/** Return what says the text in a field of a form that is sent; "": there is none. */
export function saidIn(form: HTMLFormElement): (name: string) => string {
  const said = new FormData(form);
  return (name) => {
    const value = said.get(name);
    return typeof value === "string" ? value : "";
  };
}
