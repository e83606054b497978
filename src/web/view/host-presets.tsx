import { presets } from '../../gateway/presets.ts';

/** Buttons that add the presets which a list of hosts does not have yet. */
export function HostPresets({ hosts, onChange }: { hosts: string; onChange: (hosts: string) => void }) {
  const lines = hosts.split('\n').map((line) => line.trim());
  const missing = Object.entries(presets).filter(([name]) => !lines.includes(name));
  const add = (name: string) => onChange([...lines.filter((line) => line !== ''), name].join('\n'));
  return (
    <p class="presets">
      Presets:
      {missing.map(([name, { about, hosts: names }]) => (
        <button key={name} type="button" title={`${about}: ${names.join(', ')}`} onClick={() => add(name)}>
          + {name}
        </button>
      ))}
    </p>
  );
}
