// A dynamic route made, one of its versions, or their elements changed: drawn as a list of
// steps, or written as text, an element a line.
// SPDX-License-Identifier: Apache-2.0
import { html, useState } from '../dom.js';
import { api, segment, useApi } from '../api.js';
import { t } from '../i18n.js';
import { TYPES, elementsOf, linesOf, outputName, readElement, writeElement } from '../route_elements.js';
import { toast } from '../state.js';
import { Button, Checkbox, Combobox, Dialog, Field, IconButton, Input, Segmented, Select, Textarea } from '../ui/index.js';
import { FormError, fieldError, useForm } from './act.js';

const FIRST = 'id=first type=model fallback=second\nid=second type=model';
const ELEMENTS_MAX = 32;
const PLACEHOLDERS = { conditions: '{"metadata.plan": "paid"}', limit: '100', window: '1h', key: 'metadata.user', retries: '0', timeout: '30s' };
const isNeeded = (type, name) => type !== 'model' && !(type === 'rate' && name === 'fallback');

function Property({ type, name, value, onChange, models, providers }) {
    const field = (inside) => html`<${Field} class=${name === 'conditions' ? 'is-wide' : ''} label=${t(`routes.${name}`)}>${inside}<//>`;
    if (name === 'model') return field((props) => html`<${Combobox} ...${props} value=${value} onChange=${onChange} options=${models} />`);
    if (name === 'provider') return field((props) => html`<${Combobox} ...${props} value=${value} onChange=${onChange} options=${providers} placeholder=${t('routes.any')} />`);
    if (name === 'limitType') return field((props) => html`<${Select} ...${props} value=${value || 'count'} onChange=${onChange}
        options=${[['count', t('routes.calls')], ['cost', t('routes.of_cost')]]} />`);
    return field((props) => html`<${Input} ...${props} class=${name === 'conditions' || name === 'key' ? 'mono' : ''} value=${value} onInput=${onChange} placeholder=${PLACEHOLDERS[name]} />`);
}

// Where an output leads: another element, or the end.
function Target({ label, value, ids, needed, onChange }) {
    const options = [['', needed ? t('routes.choose') : t('routes.type.end')], ...ids.map((id) => [id, id])];
    if (value && !ids.includes(value)) options.push([value, `${value} (?)`]);
    return html`<${Field} label=${html`${label} →`}>${(props) => html`<${Select} ...${props} value=${value} onChange=${onChange} options=${options} />`}<//>`;
}

function Shares({ outputs, ids, onChange }) {
    const change = (at, output) => onChange(outputs.map((one, i) => (i === at ? output : one)));
    // What takes the rest stands last.
    const add = () => onChange([...outputs.filter(([name]) => name !== 'else'), ['10%', ''], ...outputs.filter(([name]) => name === 'else')]);
    return html`${outputs.map(([name, to], i) => html`<div class="row is-tight is-end" key=${i}>
            ${name === 'else' ? html`<span class="route-share">${t('routes.output.else')}</span>` : html`<${Input} class="route-share" aria-label=${t('routes.share')} value=${name} onInput=${(value) => change(i, [value.trim(), to])} />`}
            <${Select} class="grow" aria-label=${`${name} →`} value=${to} onChange=${(id) => change(i, [name, id])} options=${[['', t('routes.choose')], ...ids.map((id) => [id, id])]} />
            <${IconButton} small icon="close" label=${t('part.delete')} onClick=${() => onChange(outputs.filter((one, at) => at !== i))} /></div>`)}
        <div class="row is-tight"><${Button} small icon="plus" onClick=${add}>${t('routes.add_share')}<//>
            ${!outputs.some(([name]) => name === 'else') && html`<${Button} small icon="plus" onClick=${() => onChange([...outputs, ['else', '']])}>${t('routes.output.else')}<//>`}</div>`;
}

function Step({ element, ids, models, providers, error, onChange, onRename, onRemove, onUp }) {
    const { id, type, properties, outputs } = element;
    const others = ids.filter((one) => one !== id);
    const kind = TYPES[type] ?? TYPES.end;
    const put = (name) => (value) => onChange({ ...element, properties: { ...properties, [name]: value } });
    const lead = (name) => (to) => onChange({ ...element, outputs: [...outputs.filter(([one]) => one !== name), [name, to]].filter(([, one]) => one !== '') });
    const retype = (next) => onChange({ id, type: next, properties: next === 'rate' ? { limitType: 'count' } : {}, outputs: next === 'percentage' ? [['50%', ''], ['else', '']] : [] });
    return html`<li class="way-element${error ? ' has-error' : ''}"><header>
            <${Select} class="step-type" aria-label=${t('models.type')} value=${type} onChange=${retype} options=${Object.keys(TYPES).map((one) => [one, t(`routes.type.${one}`)])} />
            <${Input} class="mono grow" aria-label=${t('routes.id')} value=${id} onInput=${onRename} />
            ${onUp && html`<${IconButton} small icon="up" label=${t('routes.up')} onClick=${onUp} />`}
            <${IconButton} small icon="trash" label=${t('part.delete')} onClick=${onRemove} /></header>
        ${error && html`<p class="error">${error}</p>`}
        ${(kind.properties.length > 0 || kind.outputs.length > 0) && html`<div class="step-fields">
            ${kind.properties.map((name) => html`<${Property} key=${type + name} type=${type} name=${name} value=${properties[name] ?? ''} onChange=${put(name)} models=${models} providers=${providers} />`)}
            ${kind.outputs.map((name) => html`<${Target} key=${type + name} label=${t(`routes.output.${outputName(type, name)}`)} ids=${others} needed=${isNeeded(type, name)}
                value=${outputs.find(([one]) => one === name)?.[1] ?? ''} onChange=${lead(name)} />`)}</div>`}
        ${type === 'percentage' && html`<${Shares} outputs=${outputs} ids=${others} onChange=${(next) => onChange({ ...element, outputs: next })} />`}</li>`;
}

// text: an element a line; error: the API's words, which name an element.
function Steps({ text, error, onChange }) {
    const models = useApi('/models').data?.data.filter((one) => !one.wildcard).map((one) => one.id) ?? [];
    const providers = useApi('/providers', { limit: 1000 }).data?.data.map((one) => one.name) ?? [];
    const elements = text.split('\n').filter((line) => line.trim()).map(readElement);
    const ids = elements.map((one) => one.id);
    const wrong = /element "([^"]*)": (.*)/.exec(error ?? '');
    const write = (next) => onChange(next.map(writeElement).join('\n'));
    const change = (at) => (element) => write(elements.map((one, i) => (i === at ? element : one)));
    // Who led there leads there still.
    const rename = (at) => (typed) => {
        const to = typed.replace(/\s/g, '-');
        const from = ids[at];
        write(elements.map((one, i) => ({ ...one, id: i === at ? to : one.id, outputs: from === '' ? one.outputs : one.outputs.map(([name, id]) => [name, id === from ? to : id]) })));
    };
    const up = (at) => at > 0 && (() => write([...elements.slice(0, at - 1), elements[at], elements[at - 1], ...elements.slice(at + 1)]));
    const add = () => {
        let n = elements.length + 1;
        while (ids.includes(`step-${n}`)) n++;
        write([...elements, { id: `step-${n}`, type: 'model', properties: {}, outputs: [] }]);
    };
    return html`<ol class="way">${elements.map((element, i) => html`<${Step} key=${i} element=${element} ids=${ids} models=${models} providers=${providers}
            error=${wrong?.[1] === element.id && wrong[2]} onChange=${change(i)} onRename=${rename(i)} onUp=${up(i)} onRemove=${() => write(elements.filter((one, at) => at !== i))} />`)}</ol>
        <div><${Button} small icon="plus" disabled=${elements.length >= ELEMENTS_MAX} onClick=${add}>${t('routes.add_step')}<//></div>`;
}

const valuesOf = (section) => ({ profile: '', name: '', elements: section ? linesOf(section.elements) : FIRST });

/*
 * profiles: a new route of one of them. route, section, etag: the elements of one are
 * changed; `next`: they are the beginning of a version of that number.
 */
export function RouteForm({ profiles, route, section, etag, next, deploy, onClose, onDone }) {
    const path = `/routes/${segment(section?.name ?? '')}`;
    const form = useForm({ ...valuesOf(section), version: next, live: true }, { path, etag, valuesOf });
    const { values, set } = form;
    const [shown, setShown] = useState(null);
    // What cannot be drawn is text.
    const canDraw = values.elements.split('\n').every((line) => !line.trim() || readElement(line));
    const mode = canDraw ? shown ?? 'steps' : 'text';
    const name = profiles ? `${values.profile || profiles[0]}/${values.name.trim()}` : `${route.name}@${values.version}`;
    const submit = () => form.save(async () => {
        const elements = elementsOf(values.elements);
        if (profiles || next) await api.post('/routes', { name, elements }, { idempotencyKey: form.idempotencyKey });
        else await api.patch(path, { elements }, { ifMatch: form.ifMatch });
        if (next && values.live) await deploy(route, values.version);
        toast(t(next && !values.live ? 'routes.kept' : 'settings.saved'));
        onDone(name);
    });
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" busy=${form.busy} disabled=${(profiles && !values.name.trim()) || (next && !values.version.trim())}>${t('part.save')}<//>`;
    const title = profiles ? t('routes.add') : html`<bdi>${next ? `${route.name}: ${t('routes.new_version')}` : section.name}</bdi>`;
    const error = fieldError(form, 'elements');
    return html`<${Dialog} wide title=${title} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${FormError} form=${form} fields=${['name', 'elements']} />
        ${profiles && html`<div class="grid-2">
            <${Field} label=${t('settings.profile')}>${(props) => html`<${Select} ...${props} value=${values.profile || profiles[0]} onChange=${set('profile')} options=${profiles.map((one) => [one, one])} />`}<//>
            <${Field} label=${t('routes.name')} hint=${t('routes.name_hint', { name: `dynamic/${values.name.trim() || 'NAME'}` })} error=${fieldError(form, 'name')}>${(props) => html`
                <${Input} ...${props} autofocus value=${values.name} onInput=${set('name')} placeholder="support" />`}<//></div>`}
        ${next && html`<div class="grid-2"><${Field} label=${t('routes.version')} error=${fieldError(form, 'name')}>${(props) => html`<${Input} ...${props} value=${values.version} onInput=${set('version')} />`}<//>
            <div class="field is-low"><${Checkbox} checked=${values.live} onChange=${set('live')}>${t('routes.deploy_now')}<//></div></div>`}
        <div class="row"><h3 class="grow">${t('routes.way')}</h3><${Segmented} label=${t('routes.way')} value=${mode} onChange=${setShown}
            options=${[['steps', t('routes.as_steps')], ['text', t('routes.as_text')]]} /></div>
        ${error && html`<p class="error" role="alert">${error}</p>`}
        ${mode === 'steps' ? html`<p class="hint">${t('routes.steps_hint')}</p><${Steps} text=${values.elements} error=${error} onChange=${set('elements')} />`
            : html`<${Field} label=${t('routes.text')} hint=${t(canDraw ? 'routes.text_hint' : 'routes.undrawable')}>${(props) => html`
                <${Textarea} ...${props} class="mono" rows=${12} value=${values.elements} onInput=${set('elements')} />`}<//>`}
    <//>`;
}
