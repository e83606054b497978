import { useState } from 'preact/hooks';
import type { Session } from '../../plan42/page-objects.ts';
import { signInCodeOf } from '../place.ts';
import { beginSession, CallError } from './api.ts';
import { useAction } from './hooks.ts';
import { ErrorNote, FormField, Heading } from './parts.tsx';

/** The form for a user who opens the page without a valid link. */
export function SignIn({ reason, onSignedIn }: { reason: string | undefined; onSignedIn: (session: Session) => void }) {
  const [link, setLink] = useState('');
  const [mistake, setMistake] = useState<string>();
  const { run, isBusy, error } = useAction(async (code: string) => onSignedIn(await signIn(code)));
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const code = signInCodeOf(link.trim().replace(/^[^#]*/, ''));
    setMistake(code ? undefined : 'This is not a sign-in link. A sign-in link contains “#sign-in=”.');
    if (code) run(code);
  };
  return (
    <main id="content" class="narrow-page">
      <Heading title="Sign in" />
      <ErrorNote message={reason} />
      <p>On the server’s machine, print a link that signs in once:</p>
      <pre>plan42 server link</pre>
      <p>Open the link in this browser, or paste it here.</p>
      <form class="stack" onSubmit={submit} noValidate>
        <FormField label="Link" error={mistake}>
          {(attributes) => (
            <input
              {...attributes}
              autocomplete="off"
              spellcheck={false}
              value={link}
              onInput={(event) => setLink(event.currentTarget.value)}
            />
          )}
        </FormField>
        <ErrorNote message={error} />
        <button type="submit" class="primary" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </main>
  );
}

/** @throws Error with a message for the user */
export async function signIn(code: string): Promise<Session> {
  try {
    return await beginSession(code);
  } catch (error) {
    if (!(error instanceof CallError)) throw new Error('the server is not responding', { cause: error });
    if (error.status === 401) throw new Error('this link is already used or has expired', { cause: error });
    throw error;
  }
}
