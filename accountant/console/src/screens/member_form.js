// An admin token: made, when its value is shown this once, or changed.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, useApi } from '../api.js';
import { days } from '../format.js';
import { t, tWord } from '../i18n.js';
import { toast } from '../state.js';
import { Button, Checkbox, Code, Dialog, Field, Input, Select } from '../ui/index.js';
import { FormError, fieldError, listOf, useForm } from './act.js';

const ROLES = ['read-only', 'operator', 'owner'];
const SCOPES = ['keys:read', 'keys:write', 'groups:read', 'groups:write', 'config:read', 'config:write', 'usage:read',
    'logs:read', 'tokens:read', 'tokens:write', 'audit:read', 'system:read', 'system:write'];
const DAYS = [7, 30, 60, 90, 365];

function Once({ made, onClose }) {
    return html`<${Dialog} title=${t('members.made')} onClose=${onClose} footer=${html`<${Button} kind="primary" onClick=${onClose}>${t('members.kept')}<//>`}>
        <p>${t('members.once')}</p><${Code} label=${t('login.token')} text=${made.token} />
        <p class="muted">${t('members.use')}</p><${Code} label="aigwctl" text=${`AIGW_URL=${location.origin} AIGW_TOKEN=${made.token} aigwctl status`} />
    <//>`;
}

function Scopes({ value, onChange }) {
    const turn = (scope) => (on) => onChange(SCOPES.filter((one) => (one === scope ? on : value.includes(one))));
    return html`<fieldset class="scopes"><legend>${t('members.scopes')} <span class="muted">${t('members.scopes_hint')}</span></legend>
        ${SCOPES.map((scope) => html`<${Checkbox} key=${scope} checked=${value.includes(scope)} onChange=${turn(scope)}><code>${scope}</code><//>`)}</fieldset>`;
}

const valuesOf = (token) => ({
    name: token?.name ?? '', role: token?.role ?? 'operator', days: '', groups: token?.groups?.join(', ') ?? '',
    scopes: token?.scopes?.filter((one) => SCOPES.includes(one)) ?? [],
});

// What was changed: a token that may nothing (scopes []) is not to be one that may all (null).
function bodyOf(values, first) {
    const listed = (list) => (list.length > 0 ? list : null);
    const body = {};
    for (const name of ['name', 'role']) if (values[name] !== first[name]) body[name] = values[name].trim();
    if (values.groups !== first.groups) body.groups = listed(listOf(values.groups));
    if (values.scopes.join() !== first.scopes.join()) body.scopes = listed(values.scopes);
    if (values.days === 'never') body.expires_at = null;
    else if (values.days !== '') body.expires_in_days = Number(values.days);
    return body;
}

// token, etag: of one that is there
export function MemberForm({ token, etag, onClose, onDone }) {
    const groups = useApi('/groups', { limit: 200 });
    const path = `/tokens/${token?.id}`;
    const form = useForm(valuesOf(token), { path, etag, valuesOf });
    const [made, setMade] = useState(null);
    const { values, set } = form;
    if (made) return html`<${Once} made=${made} onClose=${onClose} />`;
    const submit = () => form.save(async () => {
        const body = bodyOf(values, form.first);
        const answer = token ? await api.patch(path, body, { ifMatch: form.ifMatch }) : await api.post('/tokens', { ...body, role: values.role }, { idempotencyKey: form.idempotencyKey });
        onDone();
        if (!token) return setMade(answer);
        toast(t('members.saved'));
        return onClose();
    });
    const ends = [token ? ['', t('members.keep')] : null, [token ? 'never' : '', t('members.never')], ...DAYS.map((n) => [String(n), days(n)])].filter(Boolean);
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${!values.name.trim()}>${t(token ? 'part.save' : 'members.create')}<//>`;
    const names = groups.data?.data.map((one) => one.name).slice(0, 5).join(', ') ?? '';
    return html`<${Dialog} wide title=${token ? html`<bdi>${token.name}</bdi>` : t('members.add')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} fields=${['name', 'role', 'groups', 'expires_in_days']} />
        <div class="grid-2"><${Field} label=${t('members.name')} error=${fieldError(form, 'name')}>${(props) => html`<${Input} ...${props} autofocus value=${values.name} onInput=${set('name')} />`}<//>
            <${Field} label=${t('members.expires')} error=${fieldError(form, 'expires_in_days')}>${(props) => html`<${Select} ...${props} value=${values.days} onChange=${set('days')} options=${ends} />`}<//></div>
        <${Field} label=${t('members.role')} hint=${t(`members.may.${values.role}`)} error=${fieldError(form, 'role')}>${(props) => html`
            <${Select} ...${props} value=${values.role} onChange=${set('role')} options=${ROLES.map((one) => [one, tWord('role', one)])} />`}<//>
        <${Field} label=${t('members.groups')} optional=${t('part.optional')} hint=${t('members.groups_hint', { names })} error=${fieldError(form, 'groups')}>${(props) => html`
            <${Input} ...${props} value=${values.groups} onInput=${set('groups')} />`}<//>
        <${Scopes} value=${values.scopes} onChange=${set('scopes')} />
    <//>`;
}
