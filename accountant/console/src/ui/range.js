// Which time a screen is about: in the query (?range=7d, or ?from=&to=), else as
// last chosen. It moves on by itself, unless it is paused.
// SPDX-License-Identifier: Apache-2.0
import { html, useEffect, useMemo, useState } from '../dom.js';
import { fromField, iso, time, toField, zone, zoneOffset } from '../format.js';
import { t } from '../i18n.js';
import { setQuery, useRoute } from '../router.js';
import { prefer, usePreferences } from '../state.js';
import { createStore, useStore } from '../store.js';
import { utcOffset } from '../usage.js';
import { Button, IconButton } from './button.js';
import { Dialog } from './dialog.js';
import { Field, Input, Segmented } from './field.js';

const MINUTE = 60000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LONGEST = 10 * 366 * DAY; // an address may say anything
const REFRESH_MS = 30000;
const LENGTHS = { '1h': HOUR, '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY };

const clock = createStore(Date.now());
const refreshNow = () => clock.set(Date.now());

function stepOf(length) {
    return length <= 3 * HOUR ? MINUTE : length <= 8 * DAY ? HOUR : DAY;
}

// {key, from, to (ms), step (ms of a bar), unit (its name for ?by=), query: {from,
// to} for any question, usage: the same for bars of /usage, before: {from, to} of
// as long a time before}. Both ends are whole minutes, or hours.
export function useRange() {
    const { query } = useRoute();
    const preferred = usePreferences().range;
    const now = useStore(clock);
    return useMemo(() => {
        let [from, to] = [Date.parse(query.from), Date.parse(query.to)];
        let key = 'custom';
        if (!(from >= 0 && from < to && to - from <= LONGEST)) {
            key = [query.range, preferred, '24h'].find((one) => Object.hasOwn(LENGTHS, one));
            const grain = stepOf(LENGTHS[key]) === MINUTE ? MINUTE : HOUR;
            to = Math.ceil(now / grain) * grain;
            from = to - LENGTHS[key];
        }
        const step = stepOf(to - from);
        const unit = { [MINUTE]: 'minute', [HOUR]: 'hour', [DAY]: 'day' }[step];
        const ends = { from: iso(from), to: iso(to) };
        return {
            key, from, to, step, unit, query: ends,
            usage: step === DAY ? { ...ends, utc_offset: utcOffset(from, to) } : ends,
            before: { from: iso(2 * from - to), to: iso(from) },
        };
    }, [query.from, query.to, query.range, preferred, now, zone()]);
}

function CustomRange({ range, onClose }) {
    const [from, setFrom] = useState(toField(range.from));
    const [to, setTo] = useState(toField(range.to));
    const isGood = fromField(from) < fromField(to);
    const submit = () => {
        if (!isGood) return;
        const whole = (ms) => Math.floor(ms / MINUTE) * MINUTE;
        setQuery({ range: '', from: iso(whole(fromField(from))), to: iso(whole(fromField(to))) });
        onClose();
    };
    const footer = html`<${Button} onClick=${onClose}>${t('common.cancel')}<//>
        <${Button} kind="primary" type="submit" disabled=${!isGood}>${t('common.apply')}<//>`;
    return html`<${Dialog} title=${t('range.custom')} onClose=${onClose} onSubmit=${submit} footer=${footer}>
        <${Field} label=${t('range.from')} hint=${`${zone()} · ${zoneOffset()}`}>${(props) => html`
            <${Input} ...${props} type="datetime-local" value=${from} onInput=${setFrom} />`}<//>
        <${Field} label=${t('range.to')} error=${!isGood && t('range.order')}>${(props) => html`
            <${Input} ...${props} type="datetime-local" value=${to} onInput=${setTo} />`}<//>
    <//>`;
}

// <${RangePicker} range=${range} />: choose, see the zone, refresh, pause.
export function RangePicker({ range, refresh = true }) {
    const { paused } = usePreferences();
    const [choosing, setChoosing] = useState(false);
    useEffect(() => {
        if (!refresh || paused) return undefined;
        const timer = setInterval(() => !document.hidden && refreshNow(), REFRESH_MS);
        return () => clearInterval(timer);
    }, [refresh, paused]);
    const choose = (key) => {
        if (key === 'custom') {
            setChoosing(true);
            return;
        }
        prefer({ range: key });
        refreshNow();
        setQuery({ range: key, from: '', to: '' });
    };
    const options = [...Object.keys(LENGTHS).map((key) => [key, t(`range.${key}`)]),
        ['custom', t('range.custom'), range.key === 'custom' ? `${time(range.from, 'minute')} – ${time(range.to, 'minute')}` : undefined]];
    return html`<div class="range">
        <button type="button" class="zone" title=${t('range.zone')} onClick=${() => prefer({ zone: zone() === 'UTC' ? 'local' : 'UTC' })}>${zoneOffset()}</button>
        <${Segmented} label=${t('range.label')} value=${range.key} options=${options} onChange=${choose} />
        ${range.key === 'custom' && html`<${IconButton} small icon="edit" label=${t('range.change')} onClick=${() => setChoosing(true)} />`}
        ${refresh && html`<${IconButton} small icon=${paused ? 'play' : 'pause'} label=${t(paused ? 'range.resume' : 'range.pause')} onClick=${() => prefer({ paused: !paused })} />
            <${IconButton} small icon="refresh" label=${t('range.refresh')} onClick=${refreshNow} />`}
        ${choosing && html`<${CustomRange} range=${range} onClose=${() => setChoosing(false)} />`}
    </div>`;
}
