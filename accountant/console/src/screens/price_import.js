// A list of prices that others publish: looked at first, then taken over.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api } from '../api.js';
import { money, number } from '../format.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Badge, Button, Dialog, Empty, Field, Table, Textarea } from '../ui/index.js';
import { FormError, useForm } from './act.js';

const TONES = { added: 'good', changed: 'accent', provisioned: '', refused: 'bad' };

// LiteLLM's file is one object; anything else is CSV.
function bodyOf(text) {
    if (!text.trimStart().startsWith('{')) return { format: 'csv', data: text };
    return { format: 'litellm', data: JSON.parse(text) };
}

function Preview({ preview, currency }) {
    const rows = Object.keys(TONES).flatMap((verdict) => preview[verdict].map((row) => ({ ...row, verdict })));
    const change = (name) => ({
        key: name, title: t(`models.${name}`), align: 'right',
        render: (row) => html`${row.before && row.before[name] !== row.after?.[name] && html`<s class="muted">${money(row.before[name], currency)}</s> `}${money((row.after ?? row.before)?.[name], currency)}`,
    });
    const columns = [
        { key: 'verdict', title: '', render: (row) => html`<${Badge} tone=${TONES[row.verdict]}>${t(`import.${row.verdict}`)}<//>` },
        { key: 'name', title: t('models.name'), render: (row) => html`<bdi>${row.model ?? row.endpoint}</bdi>` },
        change('input'), change('output'),
        { key: 'reason', title: '', wrap: true, render: (row) => row.reason ?? '' },
    ];
    return html`<p class="muted">${t('import.counts', { unchanged: number(preview.unchanged.count), unknown: number(preview.unknown.count) })}</p>
        <${Table} label=${t('import.title')} columns=${columns} rows=${rows} rowKey=${(row) => row.verdict + (row.model ?? row.endpoint)}
            empty=${html`<${Empty} icon="check" title=${t('import.nothing')} />`} />`;
}

export function ImportPrices({ currency, onClose, onDone }) {
    const [preview, setPreview] = useState(null);
    const form = useForm({ text: '' });
    const { values, setValues } = form;
    const setText = (text) => {
        setPreview(null);
        setValues({ text });
    };
    const read = async (event) => {
        const [file] = event.target.files;
        if (file) setText(await file.text());
    };
    const send = (isPreview) => form.save(async () => {
        const answer = await api.post('/prices/import', { ...bodyOf(values.text), preview: isPreview });
        form.setBusy(false);
        if (isPreview) return setPreview(answer);
        toast(t('import.done', { n: number(answer.added.length + answer.changed.length) }));
        return onDone();
    });
    const count = preview ? preview.added.length + preview.changed.length : 0;
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        ${preview ? html`<${Button} kind="primary" busy=${form.busy} disabled=${count === 0} onClick=${() => send(false)}>${t('import.apply', { n: number(count) })}<//>`
            : html`<${Button} kind="primary" type="submit" busy=${form.busy} disabled=${values.text.trim() === ''}>${t('import.preview')}<//>`}`;
    return html`<${Dialog} wide title=${t('import.title')} onClose=${onClose} onSubmit=${() => !preview && send(true)} footer=${footer}>
        <p class="muted">${t('import.text')}</p><${FormError} form=${form} fields=${[]} />
        ${preview ? html`<${Preview} preview=${preview} currency=${currency} />` : html`
            <${Field} label=${t('import.file')}>${(props) => html`<input type="file" class="input" accept=".json,.csv,application/json,text/csv" onChange=${read} ...${props} />`}<//>
            <${Field} label=${t('import.paste')}>${(props) => html`<${Textarea} ...${props} class="mono" rows=${8} value=${values.text.slice(0, 20000)} onInput=${setText}
                placeholder="model,input,output,cached" />`}<//>`}
    <//>`;
}
