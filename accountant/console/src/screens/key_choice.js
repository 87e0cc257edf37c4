// With which virtual key a call of the playground is made: one of the list, whose
// value who may reveals for the call, or a typed one. It is kept in memory only.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, useApi } from '../api.js';
import { t } from '../i18n.js';
import { may } from '../state.js';
import { createStore, useStore } from '../store.js';
import { Field, Input, Select } from '../ui/index.js';

const chosen = createStore({ id: '', typed: '' }); // for as long as the page lives
const revealed = new Map();

// {id, typed, keys, isReady, value(): the key's value}
export function useKey() {
    const mayReveal = may('operator', 'keys:read');
    const list = useApi(mayReveal ? '/keys' : null, { limit: 200, status: 'active' });
    const { id, typed } = useStore(chosen);
    const keys = list.data?.data ?? [];
    const at = id || (mayReveal && keys.length > 0 && typed === '' ? String(keys[0].id) : 'typed');
    const value = async () => {
        if (at === 'typed') return typed.trim();
        if (!revealed.has(at)) revealed.set(at, (await api.post(`/keys/${at}/reveal`, undefined)).key);
        return revealed.get(at);
    };
    return { id: at, typed, keys, value, isReady: at === 'typed' ? typed.trim() !== '' : true };
}

export function KeyChoice({ choice }) {
    const [isShown, setShown] = useState(false);
    const set = (patch) => chosen.set((now) => ({ ...now, ...patch }));
    const options = [...choice.keys.map((one) => [String(one.id), `${one.name} · ${one.group}`]), ['typed', t('play.typed_key')]];
    return html`<div class="column"><${Field} label=${t('play.key')} hint=${choice.keys.length === 0 ? t('play.key_hint') : undefined}>${(props) => html`
            <${Select} ...${props} value=${choice.id} onChange=${(id) => set({ id })} options=${options} />`}<//>
        ${choice.id === 'typed' && html`<${Input} type=${isShown ? 'text' : 'password'} aria-label=${t('play.typed_key')} placeholder="sk-aigw-…" value=${choice.typed}
            onFocus=${() => setShown(true)} onBlur=${() => setShown(false)} onInput=${(typed) => set({ typed, id: 'typed' })} />`}</div>`;
}
