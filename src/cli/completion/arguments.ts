import { Argument } from 'commander';

/** An argument that names a setting of the configuration, which shells can complete. */
export class SettingArgument extends Argument {}

/** An argument that is a job ID, which shells can complete. */
export class JobArgument extends Argument {
  readonly which: 'all' | 'active';

  constructor(name: string, description: string, which: 'all' | 'active') {
    super(name, description);
    this.which = which;
  }
}
