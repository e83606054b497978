/** An agent that exists nowhere else: everything that Plan42 must know about it. */
export default {
  name: 'made-up',
  packages: { npm: ['made-up-agent'] },
  keys: ['MADE_UP_KEY'],
  hosts: ['api.made-up.example'],
  commandLine: ({ prompt, model, folder }) => ({
    command: ['sh', '-c', script, 'made-up', model ?? 'small', folder],
    input: prompt,
    read({ did, said, broke }) {
      if (did) return [{ type: 'tool', id: did, title: did, status: 'done' }];
      if (broke) return [{ type: 'failure', text: broke }];
      return [{ type: 'result', message: said, usage: { inputTokens: 3, outputTokens: 1 } }];
    },
  }),
};

const script = `
prompt=$(cat)
case $prompt in
  break*) echo '{"broke":"401 unauthorized"}'; exit 1 ;;
  stay*) echo '{"said":"done, but here to stay"}'; exec sleep 1000 ;;
esac
printf '%s\\n' "$prompt" >"$2/made-up.txt"
echo "starting $1"
echo '{"did":"write made-up.txt"}'
echo '{"said":"wrote it with '"$1"'"}'
`;
