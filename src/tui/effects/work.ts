/** Everything that effects need, in one module that loads after the screen has appeared. */
export { surveyRuntimes } from '../../runtimes/survey.ts';
export { requestGithubCheck } from './github.ts';
export { reload, save } from './save.ts';
export { validateRunner } from './validate.ts';
