// Where the page starts.
// SPDX-License-Identifier: Apache-2.0
import { html, render } from './dom.js';
import { App } from './shell.js';
import { loadTexts } from './i18n.js';
import { startRouter } from './router.js';
import { applyTheme, preferences } from './state.js';

applyTheme();
preferences.watch(applyTheme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    applyTheme();
    preferences.set((now) => ({ ...now })); // charts draw anew
});
startRouter();
await loadTexts();
render(html`<${App} />`, document.getElementById('root'));
