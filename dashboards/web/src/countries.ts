// countries: ISO 3166-1 codes of two letters, the numbers that the outlines carry, and places for what is too small for
// them. Outlines: world-atlas 2.0.2, countries-110m (Natural Earth); places: middles of countries-50m, in degrees north and east.

const NUMBERS =
  'AF004AL008DZ012AO024AQ010AR032AM051AU036AT040AZ031BS044BD050BY112BE056BZ084BJ204BT064BO068BA070BW072BR076BN096' +
  'BG100BF854BI108KH116CM120CA124CF140TD148CL152CN156CO170CG178CD180CR188CI384HR191CU192CY196CZ203DK208DJ262DO214' +
  'EC218EG818SV222GQ226ER232EE233ET231FK238FJ242FI246FR250TF260GA266GM270GE268DE276GH288GR300GL304GT320GN324GW624' +
  'GY328HT332HN340HU348IS352IN356ID360IR364IQ368IE372IL376IT380JM388JP392JO400KZ398KE404KP408KR410KW414KG417LA418' +
  'LV428LB422LS426LR430LY434LT440LU442MG450MW454MY458ML466MR478MX484MD498MN496MA504MZ508MM104NA516NP524NL528NC540' +
  'NZ554NI558NE562NG566MK807NO578OM512PK586PS275PA591PG598PY600PE604PH608PL616PT620PR630QA634RO642RU643RW646SA682' +
  'SN686SL694SK703SI705SB090SO706ZA710ES724LK144SD729SR740SZ748SE752CH756SY760TW158TJ762TZ834TH764TL626TG768TT780' +
  'TN788TR792TM795UG800UA804AE784GB826US840UY858UZ860VU548VE862VN704EH732YE887ZM894ZW716ME499RS688SS728'
/** Two letters to the outline's id ("DE" to "276"). */
export const OUTLINE = new Map(
  Array.from({ length: NUMBERS.length / 5 }, (_, i) => [NUMBERS.slice(i * 5, i * 5 + 2), NUMBERS.slice(i * 5 + 2, i * 5 + 5)]),
)

const SMALL =
  'AD,42.5,1.6;AG,17.3,-61.8;AI,18.2,-63.1;AS,-14.3,-170.7;AW,12.5,-70;AX,60.2,20;BB,13.2,-59.6;BH,26,50.5;BL,17.' +
  '9,-62.8;BM,32.3,-64.8;BQ,12.2,-68.3;CC,-12.2,96.8;CK,-21.2,-159.8;CV,16,-24;CW,12.2,-69;CX,-10.5,105.7;DM,15.4' +
  ',-61.4;FM,7.5,153.3;FO,62.1,-6.9;GD,12.1,-61.7;GF,3.9,-53.1;GG,49.5,-2.6;GI,36.1,-5.4;GP,16.2,-61.5;GS,-54.5,-' +
  '36.5;GU,13.4,144.8;HK,22.4,114.1;HM,-53.1,73.5;IM,54.2,-4.5;IO,-7.3,72.4;JE,49.2,-2.1;KI,0.9,-167.9;KM,-11.9,4' +
  '3.7;KN,17.3,-62.7;KY,19.4,-80.9;LC,13.9,-61;LI,47.1,9.5;MC,43.8,7.4;MF,18.1,-63.1;MH,7,170.3;MO,22.2,113.5;MP,' +
  '15.8,145.6;MQ,14.6,-61;MS,16.7,-62.2;MT,35.9,14.4;MU,-20.3,57.6;MV,3.7,73.5;NF,-29.1,167.9;NR,-0.5,166.9;NU,-1' +
  '9,-169.9;PF,-14.7,-144.8;PM,46.9,-56.3;PN,-24.4,-128.3;PW,7.3,134.4;RE,-21.1,55.5;SC,-4.7,55.5;SG,1.4,103.8;SH' +
  ',-12.4,-9.7;SJ,78.5,17;SM,43.9,12.5;ST,0.4,6.7;SX,18.1,-63.1;TC,21.8,-72;TK,-9.2,-171.8;TO,-20.4,-174.8;TV,-8,' +
  '178;VA,41.9,12.4;VC,13.2,-61.2;VG,18.5,-64.5;VI,18,-64.8;WF,-13.9,-177.3;WS,-13.8,-172.2;XK,42.6,20.9;YT,-12.8' +
  ',45.2'
/** Longitude and latitude of countries without an outline. */
export const PLACE = new Map(
  SMALL.split(';').map((s): [string, [number, number]] => {
    const [code = '', north, east] = s.split(',')
    return [code, [Number(east), Number(north)]]
  }),
)

const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
/** "Germany (DE)"; what is no code stays what it is. */
export function countryName(code: string): string {
  try {
    const name = /^[A-Z]{2}$/.test(code) ? names.of(code) : undefined
    return name === undefined ? code : `${name} (${code})`
  } catch {
    return code
  }
}
