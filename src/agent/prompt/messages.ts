/** The prompt for messages that arrived while the agent worked, if it still has its session. */
export function followUpPrompt(messages: readonly string[]): string {
  return [
    'A person wrote to you while you worked. Take it into account now:',
    ...messages.map((message) => message.trim()),
    'End with a short answer in Markdown. It is sent to the person.',
  ].join('\n\n');
}

/** The same for an agent that has lost its session: the work is in its folder, and the rest is repeated. */
export function repeatedPrompt(
  messages: readonly string[],
  { prompt, answer }: { prompt: string; answer: string },
): string {
  return [
    followUpPrompt(messages),
    '# Your work until now',
    'You have already worked on the request below. The results are in the folder. You ended with:',
    answer,
    '# The request',
    prompt,
  ].join('\n\n');
}

/** The prompt of the turn with the messages that arrived before the agent started. */
export function withMessages(prompt: string, messages: readonly string[]): string {
  if (messages.length === 0) return prompt;
  return [prompt, '# Messages', 'A person wrote this since:', ...messages.map((message) => message.trim())].join(
    '\n\n',
  );
}
