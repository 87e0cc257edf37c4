// Asks one model of a provider for a few words, by the data plane and a key, as any
// client would, and shows them as they come.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useRef, useState } from '../dom.js';
import { stream } from '../chat.js';
import { duration } from '../format.js';
import { t } from '../i18n.js';
import { to } from '../router.js';
import { Button, Combobox, Field } from '../ui/index.js';
import { KeyChoice, useKey } from './key_choice.js';

const QUESTION = 'Say hello in one short sentence.';
const MAX_TOKENS = 256;

export function ProviderTest({ provider, models }) {
    const key = useKey();
    const [chosen, setModel] = useState(null);
    const model = chosen ?? models[0] ?? '';
    const [result, setResult] = useState(null);
    const abort = useRef(null);
    useEffect(() => () => abort.current?.abort(), []);
    const run = async () => {
        abort.current = new AbortController();
        const shown = { text: '', reasoning: '' };
        const show = (patch) => setResult({ ...Object.assign(shown, patch) });
        show({ busy: true });
        try {
            const value = await key.value();
            // PROVIDER/MODEL is that provider and no other.
            const name = model.startsWith(`${provider}/`) ? model : `${provider}/${model}`;
            const call = { dialect: 'chat', model: name, messages: [{ role: 'user', content: QUESTION }], max_tokens: MAX_TOKENS, stream: true };
            const end = await stream(call, value, {
                signal: abort.current.signal, headers: { 'x-aigw-skip-cache': 'yes' },
                onEvent: (event) => show({ text: shown.text + (event.text ?? ''), reasoning: shown.reasoning + (event.reasoning ?? '') }),
            });
            show({ ...end, busy: false, good: true });
        } catch (error) {
            show({ busy: false, error: error.name === 'AbortError' ? null : error, requestId: error.requestId });
        }
    };
    const isReady = key.isReady && model !== '';
    return html`<div class="card test">
        <div class="grid-2"><${Field} label=${t('providers.model')}>${(props) => html`<${Combobox} ...${props} value=${model} onChange=${setModel} options=${models} />`}<//>
            <${KeyChoice} choice=${key} /></div>
        <div class="row">${result?.busy ? html`<${Button} icon="stop" onClick=${() => abort.current.abort()}>${t('play.stop')}<//>`
            : html`<${Button} kind="primary" icon="play" disabled=${!isReady} onClick=${() => { run(); }}>${t('providers.run_test')}<//>`}
            ${result?.good && html`<span class="is-good">${t('providers.test_good', { time: duration(result.firstMs ?? result.totalMs) })}</span>`}
            ${result?.requestId && html`<a class="small" href=${to('/logs', { request_id: result.requestId })}>${t('play.log')}</a>`}</div>
        <div aria-live="polite">${result?.error && html`<p class="error" role="alert">${result.error.status ? `${result.error.status} · ` : ''}${result.error.message}</p>`}
            ${(result?.text || result?.reasoning) && html`<p class="said"><bdi>${result.text || result.reasoning}</bdi></p>`}</div>
    </div>`;
}
