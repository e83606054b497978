import { Argument } from 'commander';

/** The name of a setting, which shells can complete. */
export class SettingArgument extends Argument {}

/** A job ID, which shells can complete. */
export class JobArgument extends Argument {
  readonly which: 'all' | 'active';

  constructor(name: string, description: string, which: 'all' | 'active') {
    super(name, description);
    this.which = which;
  }
}
