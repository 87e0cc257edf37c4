// With which virtual key a call of the playground is made: one of the list, whose
// value who may reveals for the call, or a typed one. It is kept in memory only.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useState } from '../dom.js';
import { api, useApi } from '../api.js';
import { t } from '../i18n.js';
import { may, session } from '../state.js';
import { createStore, useStore } from '../store.js';
import { Field, Input, Select } from '../ui/index.js';

const NONE = { id: '', typed: '' };
const chosen = createStore(NONE);
const revealed = new Map();
// For as long as one is logged in: who comes next may not reveal them.
session.watch(() => {
    chosen.set(NONE);
    revealed.clear();
});

// wanted: the id of the one to begin with. {id, typed, keys, isReady, value(): the key's value}
export function useKey(wanted) {
    const mayReveal = may('operator', 'keys:read');
    const list = useApi(mayReveal ? '/keys' : null, { limit: 200, status: 'active' });
    const { id, typed } = useStore(chosen);
    const first = useApi(mayReveal && wanted ? '/keys' : null, { ids: wanted, status: 'active' }).data?.data ?? [];
    const keys = [...first, ...(list.data?.data ?? []).filter((one) => one.id !== first[0]?.id)];
    useEffect(() => {
        if (first.length > 0) chosen.set({ id: String(first[0].id), typed: '' });
    }, [first[0]?.id]);
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
