/** Return from where to where a line stands in a text; lines are counted from 1, the last one has no end. */
export function rangeOfLine(text: string, line: number): [start: number, end: number] {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf("\n", start);
    if (end < 0) break;
    start = end + 1;
  }
  const end = text.indexOf("\n", start);
  return [start, end < 0 ? text.length : end];
}
