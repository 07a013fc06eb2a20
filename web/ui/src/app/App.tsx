import { localStorageColorSchemeManager, MantineProvider, mergeThemeOverrides } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useMemo } from "react";
import { Router } from "wouter";

import { MeProvider, useWhoIsThere } from "../api/me";
import { isWorthRetrying } from "../api/problem";
import { ErrorBoundary } from "../components/ErrorBoundary";
import { Failure } from "../components/Failure";
import { useLanguage } from "../lib/i18n";
import { useHashLocation, useHashSearch, useSegments } from "../lib/location";
import { live } from "../live/live";
import { Shell } from "./Shell";
import { SignIn } from "./sign-in/SignIn";
import { useAppText } from "./text";
import { colours, theme } from "./theme";

const Invitation = lazy(() => import("../pages/account/Invitation"));

const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: isWorthRetrying,
      refetchOnWindowFocus: true,
      staleTime: 5_000,
    },
  },
});

const schemes = localStorageColorSchemeManager({ key: "voltgate.scheme" });

/** Return the nonce of this page's styles; the server writes it into the page. */
function nonce(): string {
  return document.querySelector<HTMLMetaElement>("meta[property=csp-nonce]")?.nonce ?? "";
}

// What keeps the page still behind a dialog makes a style of its own, and asks for the nonce by this name.
Object.assign(globalThis, { __webpack_nonce__: nonce() });

export function App() {
  const language = useLanguage();
  const { close } = useAppText();
  const spoken = useMemo(() => {
    const defaultProps = { closeButtonProps: { "aria-label": close } };
    return mergeThemeOverrides(theme, { components: { Notification: { defaultProps } } });
  }, [close]);
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  return (
    <MantineProvider
      theme={spoken}
      cssVariablesResolver={colours}
      defaultColorScheme="auto"
      colorSchemeManager={schemes}
      getStyleNonce={nonce}
    >
      <Notifications position="bottom-right" />
      <ErrorBoundary place="app">
        <QueryClientProvider client={client}>
          <Router hook={useHashLocation} searchHook={useHashSearch}>
            <Entrance />
          </Router>
        </QueryClientProvider>
      </ErrorBoundary>
    </MantineProvider>
  );
}

/** Lets somebody who was invited choose a password; all else goes by who is signed in. */
function Entrance() {
  const [first] = useSegments();
  if (first !== "invitation") return <Gate />;
  return (
    <Suspense fallback={null}>
      <Invitation />
    </Suspense>
  );
}

/** Shows the pages to whoever is signed in, and the sign-in to others: the address stays, and is shown afterwards. */
function Gate() {
  const { data: me, error, refetch } = useWhoIsThere();
  const isOut = me === null;
  useEffect(() => {
    if (isOut) {
      live.close();
      // what the sign-in itself asks for stays
      client.removeQueries({ predicate: ({ queryKey: [of] }) => of !== "me" && of !== "ways" });
    }
  }, [isOut]);
  if (me === undefined) return error ? <Failure error={error} retry={() => void refetch()} /> : null;
  if (me === null) return <SignIn />;
  return (
    <MeProvider value={me}>
      <Shell />
    </MeProvider>
  );
}
