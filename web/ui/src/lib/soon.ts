import { useCallback, useEffect, useRef } from "react";

/** Return what has an action done soon: once, however often it is called until then. `wait` is in milliseconds. */
export function useSoon(action: () => void, wait = 500): () => void {
  const newest = useRef(action);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => {
    newest.current = action;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      newest.current();
    }, wait);
  }, [wait]);
}
