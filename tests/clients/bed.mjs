// What every test file shares: where the programs are, and how to ask the mock for trouble.
export const { BASE_URL, API_KEY, MOCK_URL, MAPPED_URL } = process.env; // MAPPED_URL: Claude names mean Qwen there
export const MODEL = 'claude-sonnet-4-5-20250929';
export const CONVERSE_MODEL = 'amazon.nova-pro-v1:0'; // not Claude: takes the Converse path

// A Bedrock id whose end tells the mock what to do wrong (tests/mock/README.md).
export const faulty = (fault) => `anthropic.claude-sonnet-4-5--${fault}`;
export const faultyConverse = (fault) => `amazon.nova-pro--${fault}`;

export const reset = () => fetch(`${MOCK_URL}/__reset`, { method: 'POST', body: '{}' });
export const ledger = async () => (await fetch(`${MOCK_URL}/__ledger`)).json();
// Body of the K-th newest upstream request, as JSON.
export const upstreamBody = async (k = 0) => (await fetch(`${MOCK_URL}/__body?n=${k}`)).json();

// Who counts what a month has spent does not see it end meanwhile: the next one is waited for when so few seconds are left.
export const sameMonth = async (seconds) => {
  const now = new Date();
  const left = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1) - now;
  if (left < seconds * 1000) await new Promise((r) => setTimeout(r, left + 1000));
};

export const PIXEL = // a 1x1 PNG
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
