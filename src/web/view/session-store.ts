import type { Session } from '../../plan42/page-objects.ts';

// Storage belongs to an origin including its port. Cookies would be sent to every server on this machine.
const key = 'plan42-session';

export function readSession(): Session | undefined {
  try {
    const session = JSON.parse(localStorage.getItem(key) ?? 'null') as Session | null;
    return session && Date.parse(session.ExpiresAt) > Date.now() ? session : undefined;
  } catch {
    return undefined;
  }
}

export function writeSession(session: Session | undefined): void {
  if (session) localStorage.setItem(key, JSON.stringify(session));
  else localStorage.removeItem(key);
}

/** Calls `listener` when another tab signs in or out. */
export function onSessionChange(listener: () => void): () => void {
  const onStorage = (event: StorageEvent) => {
    if (event.key === key || event.key === null) listener();
  };
  addEventListener('storage', onStorage);
  return () => removeEventListener('storage', onStorage);
}
