// What a period's calls cost by the prices in force now; prepaid groups are
// credited the difference.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api } from '../api.js';
import { money, number } from '../format.js';
import { t } from '../i18n.js';
import { may, toast } from '../state.js';
import { Button, Combobox, Dialog, Facts, Field, Input, Table } from '../ui/index.js';
import { FormError, fieldError, useForm } from './act.js';

const dayBefore = (days) => new Date(Date.now() - days * 86400000).toISOString().slice(0, 10);

export function Reprice({ models, currency, onClose }) {
    const form = useForm({ model: '', from: dayBefore(7), to: dayBefore(0) });
    const [result, setResult] = useState(null);
    const { values, set } = form;
    const change = (name) => (value) => {
        setResult(null);
        set(name)(value);
    };
    const send = (apply) => form.save(async () => {
        const answer = await api.post('/prices/reprice', { ...values, ...(apply && { apply }) }, { idempotencyKey: apply && form.idempotencyKey });
        form.setBusy(false);
        if (!apply) return setResult(answer);
        toast(t('reprice.done'));
        return onClose();
    });
    const columns = [
        { key: 'group', title: t('reprice.group'), render: (row) => html`<bdi>${row.group}</bdi>` },
        { key: 'requests', title: t('models.requests'), align: 'right', render: (row) => number(row.requests) },
        { key: 'was', title: t('reprice.was'), align: 'right', render: (row) => money(row.was, currency) },
        { key: 'now', title: t('reprice.now'), align: 'right', render: (row) => money(row.now, currency) },
        { key: 'credit', title: t('reprice.credit'), align: 'right', render: (row) => money(row.credit, currency) },
    ];
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind=${result ? '' : 'primary'} type="submit" busy=${form.busy} disabled=${values.model === ''}>${t('reprice.compute')}<//>
        ${result && may('owner', 'groups:write') && html`<${Button} kind="primary" busy=${form.busy} onClick=${() => send(true)}>${t('reprice.apply')}<//>`}`;
    return html`<${Dialog} wide title=${t('reprice.title')} onClose=${onClose} onSubmit=${() => send(false)} footer=${footer}>
        <p class="muted">${t('reprice.text')}</p><${FormError} form=${form} />
        <div class="grid-3">
            <${Field} label=${t('models.name')} error=${fieldError(form, 'model')}>${(props) => html`<${Combobox} ...${props} value=${values.model} onChange=${change('model')}
                options=${(models ?? []).map((one) => one.id)} />`}<//>
            <${Field} label=${t('range.from')} hint="UTC" error=${fieldError(form, 'from')}>${(props) => html`<${Input} ...${props} type="date" value=${values.from} onInput=${change('from')} />`}<//>
            <${Field} label=${t('range.to')} hint="UTC" error=${fieldError(form, 'to')}>${(props) => html`<${Input} ...${props} type="date" value=${values.to} onInput=${change('to')} />`}<//>
        </div>
        ${result && html`<${Facts} rows=${[[t('models.requests'), number(result.requests)], [t('reprice.was'), money(result.was, currency)],
            [t('reprice.now'), money(result.now, currency)], [t('reprice.left'), number(result.left)]]} />
            <${Table} label=${t('reprice.title')} columns=${columns} rows=${result.groups} rowKey=${(row) => row.group} />`}
    <//>`;
}
