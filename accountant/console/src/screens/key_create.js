// A new key, step by step: how much, how long, what it is called, what it may;
// then its value with what one pastes to try it.
// SPDX-License-Identifier: Apache-2.0
import { classes, html, useMemo, useState } from '../dom.js';
import { api, newIdempotencyKey, useApi } from '../api.js';
import { time } from '../format.js';
import { t } from '../i18n.js';
import { parseAmount, useCurrency, wholeAmount } from '../quota.js';
import { to } from '../router.js';
import { toastError } from '../state.js';
import { Button, Card, Combobox, Field, Icon, Input, Page } from '../ui/index.js';
import { AclFields, ExpiryFields, ModelsFields, QuotaFields, RatesFields, TagsFields, expiryOf, ratesOf, tagsOf } from './key_fields.js';
import { KeyValue } from './key_parts.js';

const STEPS = ['quota', 'expiry', 'name', 'access'];
// Which step a refused member of the body stands in.
const STEP_OF = { budgets: 'quota', expires_at: 'expiry', name: 'name', group: 'name', tags: 'name' };

const nothing = (group) => ({
    quota: { unlimited: true, unit: 'tokens', period: 'total', limit: '' },
    expiry: { kind: 'never', date: '' },
    name: '', group: group || 'default', tags: [],
    models: null, acl: { enabled: false, type: 'allow', addresses: [] },
    rates: { rpm: '', tpm: '', concurrency: '' },
});

function bodyOf(form) {
    const { quota } = form;
    const body = { name: form.name.trim(), group: form.group, tags: tagsOf(form.tags), models: form.models?.length ? form.models : null,
        ...ratesOf(form.rates), expires_at: expiryOf(form.expiry) };
    if (!quota.unlimited) body.budgets = [{ unit: quota.unit, period: quota.period, limit: parseAmount(quota.limit, quota.unit) }];
    if (form.acl.enabled) body.ip_acl = form.acl;
    return body;
}

// What is wrong in a step before the server is asked; '' nothing.
function faultOf(step, form) {
    if (step === 'quota' && !form.quota.unlimited && !(parseAmount(form.quota.limit, form.quota.unit) > 0)) return t('create.limit_bad');
    if (step === 'expiry' && expiryOf(form.expiry) === undefined) return t('create.date_bad');
    if (step === 'name' && !form.name.trim()) return t('create.name_missing');
    return '';
}

function summaryOf(step, form, currency) {
    const { quota, expiry } = form;
    if (step === 'quota') return quota.unlimited ? t('quota.unlimited') : `${wholeAmount(quota.unit, parseAmount(quota.limit, quota.unit), currency)} ${t(`quota.per_${quota.period}`)}`;
    if (step === 'expiry') return expiryOf(expiry) ? time(expiryOf(expiry), 'minute') : t('create.never');
    if (step === 'name') return form.name && `${form.name} · ${form.group}`;
    return form.models?.length ? form.models.join(', ') : t('fields.all_models');
}

function NameFields({ form, set, error }) {
    const groups = useApi('/groups', { limit: 1000 });
    return html`<${Field} label=${t('key.name')} hint=${t('create.name_hint')} error=${error}>${(props) => html`
            <${Input} ...${props} value=${form.name} onInput=${(name) => set({ name })} maxlength="63" placeholder="my-app" />`}<//>
        <${Field} label=${t('key.group')} hint=${t('create.group_hint')}>${(props) => html`
            <${Combobox} ...${props} strict value=${form.group} onChange=${(group) => set({ group })} options=${(groups.data?.data || []).map((one) => one.name)} />`}<//>
        <div class="field"><span class="label">${t('key.tags')}</span><${TagsFields} value=${form.tags} onChange=${(tags) => set({ tags })} /></div>`;
}

function Step({ step, i, open, done, summary, onOpen, children, footer }) {
    return html`<section class=${classes('step', open && 'is-on', done && !open && 'is-done')}>
        <button type="button" class="step-head" aria-expanded=${open ? 'true' : 'false'} onClick=${onOpen} disabled=${!open && !done}>
            <span class="step-mark">${done && !open ? html`<${Icon} name="check" />` : i + 1}</span>
            <b>${t(`create.step.${step}`)}</b>${!open && done && html`<span class="muted"><bdi>${summary}</bdi></span>`}</button>
        ${open && html`<div class="step-body">${children}<footer>${footer}</footer></div>`}
    </section>`;
}

export function KeyCreate({ query }) {
    const [form, setForm] = useState(nothing(query.group));
    const [at, setAt] = useState(0);
    const [reached, setReached] = useState(0);
    const [fault, setFault] = useState('');
    const [made, setMade] = useState(null);
    const [round, setRound] = useState(0);
    const idempotencyKey = useMemo(newIdempotencyKey, [round, JSON.stringify(form)]);
    const currency = useCurrency();
    const set = (patch) => {
        setForm((now) => ({ ...now, ...patch }));
        setFault('');
    };
    const open = (i) => {
        setAt(i);
        setReached((now) => Math.max(now, i));
        setFault('');
    };
    const next = () => {
        const wrong = faultOf(STEPS[at], form);
        if (wrong) setFault(wrong);
        else open(at + 1);
    };
    const create = async () => {
        const bad = STEPS.findIndex((step) => faultOf(step, form));
        if (bad >= 0) {
            open(bad);
            setFault(faultOf(STEPS[bad], form));
            return;
        }
        try {
            setMade(await api.post('/keys', bodyOf(form), { idempotencyKey }));
        } catch (error) {
            const step = error.code === 'key_exists' ? 'name' : STEP_OF[error.field?.split(/[.[]/)[0]];
            if (!step) {
                toastError(error);
                return;
            }
            open(STEPS.indexOf(step));
            setFault(error.message);
        }
    };
    const again = () => {
        setMade(null);
        setForm(nothing(form.group));
        setRound(round + 1);
        setAt(0);
        setReached(0);
    };
    const back = [to('/keys'), t('nav.keys')];
    if (made)
        return html`<${Page} title=${t('create.done')} back=${back} lead=${html`<bdi>${made.name}</bdi>`} actions=${html`<${Button} onClick=${again}>${t('create.another')}<//>
            <${Button} icon="playground" href=${to('/playground', { key: made.id })}>${t('create.try')}<//>
            <${Button} kind="primary" href=${to(`/keys/${made.id}`)}>${t('create.open')}<//>`}>
            <${Card} title=${t('key.value')}><div class="column"><${KeyValue} row=${made} value=${made.key} /></div><//><//>`;
    const parts = {
        quota: () => html`<${QuotaFields} value=${form.quota} onChange=${(quota) => set({ quota })} error=${fault} />`,
        expiry: () => html`<${ExpiryFields} value=${form.expiry} onChange=${(expiry) => set({ expiry })} error=${fault} />`,
        name: () => html`<${NameFields} form=${form} set=${set} error=${fault} />`,
        access: () => html`<div class="field"><span class="label">${t('key.models')}</span><${ModelsFields} value=${form.models} onChange=${(models) => set({ models })} /></div>
            <div class="field"><span class="label">${t('key.ip')}</span><${AclFields} value=${form.acl} onChange=${(acl) => set({ acl })} /></div>
            <div class="field"><span class="label">${t('key.rates')}</span><${RatesFields} value=${form.rates} onChange=${(rates) => set({ rates })} /></div>`,
    };
    const isLast = at === STEPS.length - 1;
    const footer = html`${at > 0 && html`<${Button} onClick=${() => open(at - 1)}>${t('create.back')}<//>`}
        <${Button} kind="primary" type="submit" onClick=${isLast ? create : next}>${t(isLast ? 'keys.create' : 'create.next')}<//>
        ${at === 2 && html`<${Button} kind="ghost" onClick=${create}>${t('create.now')}<//>`}`;
    return html`<${Page} title=${t('create.title')} back=${back} lead=${t('create.lead')}>
        <form class="steps" onSubmit=${(event) => event.preventDefault()} novalidate>${STEPS.map((step, i) => html`
            <${Step} key=${step} step=${step} i=${i} open=${i === at} done=${i <= reached && i !== at} summary=${i === at ? '' : summaryOf(step, form, currency)}
                onOpen=${() => open(i)} footer=${footer}>${i === at && parts[step]()}<//>`)}</form>
    <//>`;
}
