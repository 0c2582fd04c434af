/*
 * hosting_asns: networks that rent servers or carry VPN exits. Whoever writes address facts asks
 * here, so that an old log keeps the answer of its day. Which of them are one operator's.
 *
 * Owns:  tables of numbers and of words.
 * Calls: core/base.
 */
#include "detectors/hosting_asns.h"

#include "core/base/err.h"

#define NAME_MOST 128u /* of a word; what is longer is cut */

static const uint32_t hosting[] = {
    3214,   /* xTom */
    6939,   /* Hurricane Electric */
    7203,   /* Leaseweb USA */
    7979,   /* Servers.com */
    8075,   /* Microsoft Azure */
    8560,   /* IONOS */
    9009,   /* M247 */
    12876,  /* Scaleway */
    13335,  /* Cloudflare (WARP) */
    14061,  /* DigitalOcean */
    14618,  /* Amazon */
    15169,  /* Google */
    16276,  /* OVH */
    16509,  /* Amazon */
    19318,  /* Interserver */
    20454,  /* Secured Servers */
    20473,  /* Vultr */
    20940,  /* Akamai */
    21859,  /* Zenlayer */
    22612,  /* Namecheap */
    24875,  /* NovoServe */
    24940,  /* Hetzner */
    26496,  /* GoDaddy */
    28753,  /* Leaseweb Germany */
    29066,  /* velia.net */
    29802,  /* HIVELOCITY */
    31034,  /* Aruba */
    31898,  /* Oracle Cloud */
    32244,  /* Liquid Web */
    33070,  /* Rackspace */
    34989,  /* ServeTheWorld */
    35540,  /* OVH */
    35916,  /* Multacom */
    36351,  /* IBM Cloud, SoftLayer */
    36352,  /* HostPapa, ColoCrossing */
    37963,  /* Alibaba */
    39351,  /* 31173 Services, Mullvad */
    39572,  /* DataWeb */
    40021,  /* Contabo USA */
    40676,  /* Psychz */
    42831,  /* UK Dedicated Servers */
    43289,  /* I.C.S. Trabia */
    45090,  /* Tencent */
    45102,  /* Alibaba */
    46562,  /* Performive */
    46606,  /* Unified Layer */
    46844,  /* Sharktech */
    47583,  /* Hostinger */
    49505,  /* Selectel */
    49981,  /* WorldStream */
    50304,  /* Blix */
    51167,  /* Contabo */
    51396,  /* Pfcloud */
    51852,  /* Private Layer */
    53667,  /* FranTech */
    54203,  /* NetProtect VPN */
    54290,  /* Hostwinds */
    54825,  /* Packet, Equinix Metal */
    55286,  /* B2 Net, ServerMania */
    55720,  /* Gigabit Hosting */
    56630,  /* Melbikomas */
    57043,  /* Hostkey */
    58061,  /* Scalaxy */
    60068,  /* Datacamp, CDN77 */
    60404,  /* Liteserver */
    60729,  /* Stiftung Erneuerbare Freiheit (Tor) */
    60781,  /* Leaseweb Netherlands */
    61317,  /* Hivelocity, Heficed */
    62240,  /* Clouvider */
    62567,  /* DigitalOcean */
    62904,  /* Eonix */
    63023,  /* GTHost */
    63949,  /* Linode */
    64267,  /* Sprious */
    132203, /* Tencent */
    134963, /* Alibaba */
    136787, /* PacketHub, NordVPN */
    136907, /* Huawei Cloud */
    138915, /* Kaopu Cloud */
    141039, /* PacketHub */
    141995, /* Contabo Asia */
    147049, /* PacketHub */
    197540, /* netcup */
    198605, /* AVAST VPN */
    199218, /* Proton VPN */
    200019, /* AlexHost */
    200651, /* FlokiNET */
    201011, /* Core-Backbone */
    202422, /* G-Core */
    202425, /* IP Volume */
    203020, /* HostRoyale */
    204957, /* Green Floid */
    206092, /* SecureVPN */
    206264, /* Amarutu */
    207137, /* PacketHub */
    208294, /* Markus Koch (Tor) */
    208323, /* Foundation for Applied Privacy (Tor) */
    209103, /* Proton VPN */
    209854, /* Surfshark */
    210644, /* Aeza */
    211252, /* Delis */
    212238, /* Datacamp */
    213230, /* Hetzner US */
    215439, /* Play2go */
    394380, /* Leaseweb USA */
    394711, /* Limenet */
    396356, /* Latitude.sh */
    396982, /* Google Cloud */
    398101, /* GoDaddy */
    398493, /* System in Place */
    399629, /* BL Networks */
};

/* People sit behind these, whatever their names say. */
static const uint32_t homes[] = {
    20830,  /* The Cloud Networks, public Wi-Fi */
    41012,  /* the same */
    42390,  /* the same */
    202913, /* CLOUDWIFI */
    394233, /* Cloudwifi */
};

/* What a word of an operator's name says of it. Chosen by looking at all 84,000 names of a public
 * table of ASNs: these words are in 2,100 of them, and few of those have subscribers. "-host" is
 * left out (AFRIHOST, FIBERHOST), as are universities' computing centres. */
enum where { WHOLE, BEGINS, ENDS, INSIDE };
static const struct {
    enum where where;
    struct kt_str word;
} words[] = {
    { INSIDE, KT_STR_INIT("hosting") },   { INSIDE, KT_STR_INIT("webhost") },
    { INSIDE, KT_STR_INIT("vps") },       { INSIDE, KT_STR_INIT("datacent") },
    { INSIDE, KT_STR_INIT("datacamp") },  { BEGINS, KT_STR_INIT("host") },
    { BEGINS, KT_STR_INIT("cloud") },     { ENDS, KT_STR_INIT("cloud") },
    { ENDS, KT_STR_INIT("server") },      { ENDS, KT_STR_INIT("servers") },
    { ENDS, KT_STR_INIT("vpn") },         { WHOLE, KT_STR_INIT("dedicated") },
    { WHOLE, KT_STR_INIT("colocation") }, { WHOLE, KT_STR_INIT("colo") },
};
static const struct kt_str others[] = { KT_STR_INIT("hosted"), KT_STR_INIT("observer") };

static bool is_listed(const uint32_t *list, size_t n, uint32_t asn)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (list[mid] < asn)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && list[low] == asn;
}

static bool says_so(struct kt_str word)
{
    for (size_t i = 0; i < KT_ARRAY_LEN(others); i++)
        if (kt_str_eq(word, others[i]))
            return false;
    for (size_t i = 0; i < KT_ARRAY_LEN(words); i++) {
        struct kt_str w = words[i].word;
        bool begins = kt_str_starts(word, w), ends = kt_str_ends(word, w);
        if ((words[i].where == WHOLE && begins && ends && word.len == w.len) ||
            (words[i].where == BEGINS && begins) || (words[i].where == ENDS && ends) ||
            (words[i].where == INSIDE && kt_str_has(word, w)))
            return true;
    }
    return false;
}

/* The next word, in small letters, of what is left of a name. */
static struct kt_str next_word(struct kt_str *rest, char text[NAME_MOST])
{
    size_t n = 0;
    while (rest->len > 0) {
        char c = rest->at[0];
        bool part = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!part && n > 0)
            break;
        if (part && n < NAME_MOST)
            text[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        *rest = kt_str_from_index(*rest, 1);
    }
    return kt_str_from(text, n);
}

static bool is_hosting_name(struct kt_str org)
{
    char text[NAME_MOST];
    bool data = false; /* "Data Center" */
    for (struct kt_str word = next_word(&org, text); word.len > 0; word = next_word(&org, text)) {
        if (says_so(word) || (data && kt_str_starts(word, KT_STR("cent"))))
            return true;
        data = kt_str_is(word, "data");
    }
    return false;
}

bool kt_hosting_network(uint32_t asn, struct kt_str org)
{
    if (asn == 0 || is_listed(homes, KT_ARRAY_LEN(homes), asn))
        return false;
    return is_listed(hosting, KT_ARRAY_LEN(hosting), asn) || is_hosting_name(org);
}

/* Clouds that announce from several ASNs: a service that fails over to another region may come from
 * another one of the row. Which ASNs are one cloud's is common knowledge here, verified against no
 * registry; so only those that are beyond doubt, and not all that a cloud has. */
static const uint32_t operators[][3] = {
    { 14618, 16509 },         /* Amazon */
    { 15169, 396982 },        /* Google */
    { 8068, 8069, 8075 },     /* Microsoft */
    { 14061, 62567 },         /* DigitalOcean */
    { 24940, 213230 },        /* Hetzner */
    { 37963, 45102 },         /* Alibaba */
    { 45090, 132203 },        /* Tencent */
    { 40021, 51167, 141995 }, /* Contabo */
};

bool kt_same_operator(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return false;
    for (unsigned i = 0; a != b && i < KT_ARRAY_LEN(operators); i++) {
        bool has_a = false, has_b = false;
        for (unsigned k = 0; k < KT_ARRAY_LEN(operators[i]); k++) {
            has_a = has_a || operators[i][k] == a;
            has_b = has_b || operators[i][k] == b;
        }
        if (has_a && has_b)
            return true;
    }
    return a == b;
}
