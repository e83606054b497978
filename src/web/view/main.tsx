import { render } from 'preact';
import { useCallback, useLayoutEffect, useMemo, useState } from 'preact/hooks';
import type { Session } from '../../plan42/page-objects.ts';
import { signInCodeOf } from '../place.ts';
import { Api } from './api.ts';
import { Frame } from './frame.tsx';
import { ApiContext } from './hooks.ts';
import { SignIn, signIn } from './sign-in.tsx';

interface Access {
  session: Session | undefined;
  /** Why the user is signed out, if there is a reason. */
  reason?: string;
}

function Page({ initial }: { initial: Access }) {
  const [{ session, reason }, setAccess] = useState(initial);
  const api = useMemo(() => session && new Api(session), [session]);
  const leave = useCallback((why?: string) => {
    writeSession(undefined);
    setAccess({ session: undefined, ...(why && { reason: why }) });
  }, []);
  useLayoutEffect(() => onSessionChange(() => setAccess({ session: readSession() })), []);
  useLayoutEffect(() => {
    const ended = () => leave('Your session has expired.');
    api?.addEventListener('signedOut', ended);
    return () => api?.removeEventListener('signedOut', ended);
  }, [api, leave]);
  // A sign-in link opened in a tab that already shows the page.
  useLayoutEffect(() => {
    const heard = () => void takeLink().then((access) => access && setAccess(access));
    addEventListener('hashchange', heard);
    return () => removeEventListener('hashchange', heard);
  }, []);
  const enter = (entered: Session) => {
    writeSession(entered);
    setAccess({ session: entered });
  };
  if (!session || !api) return <SignIn reason={reason} onSignedIn={enter} />;
  return (
    <ApiContext.Provider value={api}>
      <Frame key={session.Token} onSignOut={leave} />
    </ApiContext.Provider>
  );
}

/** Signs in with the link in the address, if there is one. Removes it from the address and the history at once. */
async function takeLink(): Promise<Access | undefined> {
  const code = signInCodeOf(location.hash);
  if (code === undefined) return undefined;
  history.replaceState(null, '', '#/');
  dispatchEvent(new HashChangeEvent('hashchange'));
  try {
    const session = await signIn(code);
    writeSession(session);
    return { session };
  } catch (error) {
    // A signed-in user may open the same link again.
    const session = readSession();
    return session ? { session } : { session, reason: error instanceof Error ? error.message : String(error) };
  }
}

// Storage belongs to an origin including its port. Cookies would be sent to every server on this machine.
const sessionKey = 'plan42-session';

function readSession(): Session | undefined {
  try {
    // Whether it has expired is for the server to say, because the clock of this machine may be wrong.
    return (JSON.parse(localStorage.getItem(sessionKey) ?? 'null') as Session | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function writeSession(session: Session | undefined): void {
  if (session) localStorage.setItem(sessionKey, JSON.stringify(session));
  else localStorage.removeItem(sessionKey);
}

/** Calls `listener` when another tab signs in or out. */
function onSessionChange(listener: () => void): () => void {
  const onStorage = (event: StorageEvent) => {
    if (event.key === sessionKey || event.key === null) listener();
  };
  addEventListener('storage', onStorage);
  return () => removeEventListener('storage', onStorage);
}

void takeLink().then((access) => render(<Page initial={access ?? { session: readSession() }} />, document.body));
