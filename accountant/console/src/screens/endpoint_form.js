// What one provider's calls of a model cost, where that is not the model's price.
// SPDX-License-Identifier: Apache-2.0
import { html, useLayoutEffect } from '../dom.js';
import { api, segment } from '../api.js';
import { t } from '../i18n.js';
import { toast } from '../state.js';
import { Button, Dialog, confirm } from '../ui/index.js';
import { FormError, useForm } from './act.js';
import { CLASSES, PriceFields, bodyOf, priceValues } from './model_form.js';

const hasPrices = (part) => Object.values(priceValues(part)).some((text) => text !== '');

/*
 * name: PROVIDER/MODEL; part, etag: its section, where it has one. Its prices take the place
 * of the model's, all of them: one that has none begins with the model's, as a proposal.
 */
export function EndpointForm({ name, part, etag, model, modelPart, onClose, onDone }) {
    const path = `/endpoints/${segment(name)}`;
    const form = useForm(priceValues(part), { path, etag, valuesOf: priceValues });
    useLayoutEffect(() => { // before it is seen
        const asPart = { price_tiers: modelPart?.price_tiers, ...Object.fromEntries(CLASSES.map((one) => [`price_${one}`, model.prices?.[one]])) };
        if (!hasPrices(part)) form.setValues(priceValues(asPart));
    }, []);
    const submit = () => form.save(async () => {
        const body = bodyOf(form.values, form.first);
        if (part) await api.patch(path, body, { ifMatch: form.ifMatch });
        else await api.post('/endpoints', { ...body, name }, { idempotencyKey: form.idempotencyKey });
        toast(t('models.saved'));
        onDone();
    });
    const drop = async () => {
        if (!(await confirm({ title: t('models.pair_drop'), text: t('models.pair_drop_text', { name }), action: t('models.pair_drop'), danger: true }))) return;
        await form.save(async () => {
            await api.delete(path, { ifMatch: form.ifMatch });
            onDone();
        });
    };
    const isFile = part?.managed_by === 'file';
    const footer = html`${part && !isFile && html`<${Button} kind="danger" icon="trash" onClick=${drop}>${t('models.pair_drop')}<//><span class="grow"></span>`}
        <${Button} onClick=${onClose}>${t('common.cancel')}<//><${Button} kind="primary" type="submit" busy=${form.busy} disabled=${isFile}>${t('part.save')}<//>`;
    return html`<${Dialog} wide title=${html`<bdi>${name}</bdi>`} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <p class="muted">${t(isFile ? 'part.file_hint' : 'models.pair_text')}</p><${FormError} form=${form} />
        <${PriceFields} form=${form} />
    <//>`;
}
