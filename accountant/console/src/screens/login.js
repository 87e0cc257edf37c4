// Logging in with an admin token: it is exchanged for a cookie and kept nowhere.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api } from '../api.js';
import { t } from '../i18n.js';
import { session } from '../state.js';
import { Button, Code, Field, Input } from '../ui/index.js';

const MAKE_TOKEN = 'aigwctl token create NAME';

export function Login({ preferences }) {
    const [token, setToken] = useState('');
    const [error, setError] = useState(null);
    const [busy, setBusy] = useState(false);
    const submit = async (event) => {
        event.preventDefault();
        setBusy(true);
        try {
            session.set(await api.post('/session', { token: token.trim() }));
        } catch (failure) {
            setError(failure);
            setBusy(false);
        }
    };
    const words = error && (error.status === 401 ? t('login.wrong') : error.code === 'management_disabled' ? t('login.disabled') : error.message);
    return html`<main class="login"><form class="login-card" onSubmit=${submit}>
        <div class="brand"><span class="logo" aria-hidden="true"></span>aigw</div>
        <h1>${t('login.title')}</h1>
        <${Field} label=${t('login.token')} error=${words}>${(props) => html`<${Input} ...${props} type="password" name="token"
            autocomplete="current-password" autofocus value=${token} onInput=${setToken} />`}<//>
        <${Button} kind="primary" type="submit" busy=${busy} disabled=${token.trim() === ''}>${t('login.submit')}<//>
        <details><summary>${t('login.how')}</summary><p>${t('login.how_text')}</p><${Code} text=${MAKE_TOKEN} label=${t('login.how')} /></details>
    </form><div>${preferences}</div></main>`;
}
