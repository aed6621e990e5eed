// What the tests of this folder share beside ../bed.mjs: two models, and the plain questions.
export * from '../bed.mjs';
export const CLAUDE = 'claude-sonnet-4-5';
export const QWEN = 'qwen.qwen3-coder-480b-a35b-v1:0';
export const OTHERS = ['amazon.nova-pro-v1:0', CLAUDE, QWEN];
export const MODELS = [CLAUDE, QWEN];
export const THOUGHT = 'The user wants an answer; a short one will do.'; // what the mock thinks, when asked to
// Reason to skip what only make clients-full runs, or false.
export const FULL = process.env.CLIENTS_FULL ? false : 'only in make clients-full';
export const failure = (promise) => promise.then((v) => { throw new Error(`no error but ${JSON.stringify(v)}`); }, (e) => e);
