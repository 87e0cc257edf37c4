// What the screens of keys share: status, actions with their questions, the value
// that is shown once.
// SPDX-License-Identifier: Apache-2.0
import { html, useMemo, useState } from '../dom.js';
import { api, newIdempotencyKey, useApi } from '../api.js';
import { quoted, relative, time } from '../format.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Badge, Button, Code, Copy, Dialog, Field, Input, Segmented, confirm } from '../ui/index.js';
import { act, useForm } from './act.js';

export const STATUSES = ['active', 'exhausted', 'expired', 'disabled', 'deleted'];
const TONES = { active: 'good', exhausted: 'bad', expired: 'warn' };

export const KeyStatus = ({ row }) => html`<${Badge} tone=${TONES[row.status]}>${t(`key.status_${row.status}`)}<//>`;

export const Expiry = ({ at }) => (at ? html`<span title=${time(at)}>${relative(at)}</span>` : html`<span class="muted">${t('key.no_expiry')}</span>`);

export const restoreKey = (row, done) => act(async () => {
    const key = await api.post(`/keys/${row.id}/restore`);
    toast(t('key.restored', { name: key.name }));
    done?.(key);
});

// Deleted at once, without a question: the toast takes it back.
export const deleteKey = (row, done) => act(async () => {
    const gone = await api.delete(`/keys/${row.id}`);
    const ms = gone.restorable_until ? Date.parse(gone.restorable_until) - Date.now() : 6000;
    toast(t('key.deleted', { name: row.name }), gone.restorable_until
        ? { action: t('key.undo'), onAction: () => restoreKey(row, done), ms: Math.min(ms, 600000) } : undefined);
    done?.(null);
});

export const setEnabled = (row, enabled, done) => act(async () => done(await api.patch(`/keys/${row.id}`, { enabled })),
    t(enabled ? 'key.enabled_now' : 'key.disabled_now', { name: row.name }));

export async function endFormer(row, done) {
    const sure = await confirm({ title: t('key.end_former_title'), text: t('key.end_former_text'), action: t('key.end_former'), danger: true });
    if (sure) await act(async () => done(await api.delete(`/keys/${row.id}/former`)));
}

// Where clients call: the address of the page with the port of the data listener.
function useBase() {
    const { data } = useApi('/status');
    const listen = data?.config?.listen?.[0];
    const port = /:(\d+)$/.exec(listen || '')?.[1];
    return port ? `${location.protocol}//${location.hostname}:${port}` : location.origin;
}

// Ready to paste; texts of others are quoted for the shell or as JSON.
function snippets(base, key, model) {
    const message = `[{"role": "user", "content": ${JSON.stringify(t('key.hello'))}}]`;
    const body = `{"model": ${JSON.stringify(model)}, "messages": ${message}}`;
    return {
        curl: `curl ${base}/v1/chat/completions \\\n  -H 'Authorization: Bearer ${key}' \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(body)}`,
        python: `from openai import OpenAI\n\nclient = OpenAI(\n    base_url=${JSON.stringify(`${base}/v1`)},\n    api_key=${JSON.stringify(key)},\n)\nanswer = client.chat.completions.create(\n    model=${JSON.stringify(model)},\n    messages=${message},\n)\nprint(answer.choices[0].message.content)`,
        claude: `export ANTHROPIC_BASE_URL=${quoted(base)}\nexport ANTHROPIC_AUTH_TOKEN=${quoted(key)}\nexport ANTHROPIC_MODEL=${quoted(model)}\nclaude`,
    };
}

function Snippets({ value, model }) {
    const base = useBase();
    const [kind, setKind] = useState('curl');
    const texts = snippets(base, value, model);
    return html`<div class="column"><div class="row"><${Segmented} label=${t('key.snippets')} value=${kind} onChange=${setKind}
            options=${[['curl', 'curl'], ['python', 'Python'], ['claude', 'Claude Code']]} /></div>
        <${Code} text=${texts[kind]} label=${t('key.snippets')} /></div>`;
}

// The model to try a key with: its own first one, else the first there is.
function useModelOf(row) {
    const { data } = useApi(row?.models?.length ? null : '/models');
    return row?.models?.[0] ?? data?.data.find((one) => !one.wildcard && one.type !== 'embedding')?.id ?? 'MODEL';
}

export function KeyValue({ row, value, once = true }) {
    const model = useModelOf(row);
    return html`<div class="key-value"><code tabindex="0">${value}</code><${Copy} text=${value} kind="primary" small=${false}>${t('key.copy_value')}<//></div>
        ${once && html`<p class="muted">${t('key.once')}</p>`}
        <${Snippets} value=${value} model=${model} />`;
}

export function RevealDialog({ row, value, title, onClose }) {
    return html`<${Dialog} wide title=${title} onClose=${onClose} footer=${html`<${Button} kind="primary" onClick=${onClose}>${t('key.done')}<//>`}>
        <${KeyValue} row=${row} value=${value} once=${false} /><//>`;
}

const GRACES = [['0', 'key.grace_none'], ['3600', 'key.grace_hour'], ['86400', 'key.grace_day'], ['604800', 'key.grace_week']];

// A new value; then it is shown. onDone(key)
export function RotateDialog({ row, etag, onClose, onDone }) {
    const [grace, setGrace] = useState('86400');
    const idempotencyKey = useMemo(newIdempotencyKey, [grace]);
    const [made, setMade] = useState(null);
    if (made) return html`<${RevealDialog} row=${made} value=${made.key} title=${t('key.rotated')} onClose=${() => onDone(made)} />`;
    const submit = async () => {
        await act(async () => setMade(await api.post(`/keys/${row.id}/rotate`, { grace_seconds: Number(grace) }, { ifMatch: etag, idempotencyKey })));
    };
    return html`<${Dialog} title=${t('key.rotate')} onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind=${grace === '0' ? 'danger' : 'primary'} type="submit">${t('key.rotate')}<//>`}>
        <p>${t('key.rotate_text')}</p>
        <div class="field"><span class="label">${t('key.grace')}</span><${Segmented} label=${t('key.grace')} value=${grace} onChange=${setGrace} options=${GRACES.map(([key, name]) => [key, t(name)])} /></div>
        ${row.former && html`<p class="is-warn">${t('key.rotate_again', { when: time(row.former.until, 'short') })}</p>`}
        ${grace === '0' && html`<p class="is-bad">${t('key.grace_none_text')}</p>`}
    <//>`;
}

// The same configuration under another name, with a value of its own.
export function DuplicateDialog({ row, onClose, onDone }) {
    const form = useForm({ name: `${row.name}-2` });
    const { name } = form.values;
    const [made, setMade] = useState(null);
    if (made) return html`<${RevealDialog} row=${made} value=${made.key} title=${t('create.done')} onClose=${() => onDone(made)} />`;
    const submit = () => form.save(async () => setMade(await api.post(`/keys/${row.id}/copy`, { name: name.trim() }, { idempotencyKey: form.idempotencyKey })));
    return html`<${Dialog} title=${t('key.duplicate')} onClose=${onClose} onSubmit=${submit} footer=${html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
            <${Button} kind="primary" type="submit" disabled=${!name.trim()}>${t('key.duplicate')}<//>`}>
        <p>${t('key.duplicate_text')}</p>
        <${Field} label=${t('key.name')} error=${form.error?.message}>${(props) => html`<${Input} ...${props} value=${name} onInput=${form.set('name')} autofocus />`}<//>
    <//>`;
}
