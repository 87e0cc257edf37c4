// Where the page starts.
// SPDX-License-Identifier: Apache-2.0
import './style/tokens.css';
import './style/base.css';
import './style/ui.css';
import './style/shell.css';
import { html, render } from './dom.js';
import { App } from './shell.js';
import { startRouter } from './router.js';
import { applyTheme, preferences } from './state.js';

applyTheme();
preferences.watch(applyTheme);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    applyTheme();
    preferences.set((now) => ({ ...now })); // charts draw anew
});
startRouter();
render(html`<${App} />`, document.getElementById('root'));
