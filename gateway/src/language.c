/* language.c - languages told apart by their small words. */
#include "language.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "phrases.h"

#define EVIDENCE 2 /* small words of a language that prove it, or letters of a script */

/* Words that are frequent in requests and in no other of these languages. English comes first: where
 * two have as many, it is that. */
static const struct {
    const char lang[LT_LANG_CAP];
    const char *words;
} small_words[] = {
    {"en", " the turn on off please what whats is are to set my all lights light up down of it how "
           "at with for and this that make open close switch start stop "},
    {"de",
     " der das den dem ein eine einen im ist und bitte mach mache schalte schalt licht wie auf "
     "zu aus stell stelle alle wohnzimmer küche fenster öffne schließe ich wird uhr heizung "
     "minuten "
     "stunde stunden einkaufsliste "},
    {"fr", " le les la des du est dans allume éteins ouvre ferme lumière lumières mets quelle quel "
           "salon cuisine chambre sil te plaît et une au fais heure toutes combien règle "
           "minuteur ajoute annule "},
    {"es", " el los las del en enciende apaga abre cierra luz luces por favor qué cuál es una sala "
           "cocina dormitorio pon sube baja y la hora todas pone cuánto "
           "minutos temporizador añade "},
    {"nl", " het een van zet doe lamp lampen aan uit naar woonkamer keuken slaapkamer alle graag "
           "alsjeblieft wat hoe laat open sluit licht de en op "
           "minuten boodschappenlijst "},
    {"it", " il lo gli accendi spegni apri chiudi luce luci della del nel nella cucina soggiorno "
           "camera per favore che è una la di metti alza abbassa quanto tutte imposta "
           "minuti aggiungi "},
    {"pl", " włącz wyłącz zapal zgaś światło światła lampę na w jest jaka jaki ile ustaw otwórz "
           "zamknij proszę wszystkie kuchni salonie sypialni łazience minut minutę godzinę godzina "
           "dodaj która odkurz anuluj zatrzymaj stopni listę zakupów minutnik czy "},
    /* These are known so that they are not taken for talk. Words that a language above has as well are not in
     * it: nothing that the network was trained for may be taken for one of them. */
    {"pt", " o os das dos nos nas em uma acende acenda liga ligue desliga desligue apague abra "
           "fecha feche "
           "todas luz luzes cozinha quarto janela quanto não televisão "},
    {"sv", " tänd släck lampan lampor lamporna alla på av och är det ett stäng stänga sätt köket "
           "vardagsrummet sovrummet vad hur ljuset fönstret dörren öppna snälla "},
    {"da", " tænd sluk lyset lamper på og er det køkkenet stuen soveværelset hvad hvor åbn luk "
           "sæt af "},
    {"no",
     " slå skru tenn lyset lamper på av og er det kjøkkenet stuen stua soverommet hva hvor åpne "
     "lukk sett "},
    {"fi", " sytytä sammuta avaa sulje valo valot valon kaikki keittiön keittiössä olohuoneen "
           "olohuoneessa makuuhuoneen laita päälle mikä kuinka paljonko minuuttia "},
    {"cs", " rozsviť zhasni zapni vypni světlo světla všechna v ve je jaká jaké kolik otevři zavři "
           "nastav kuchyni obýváku ložnici prosím teplota dveře televizi "},
    {"hu",
     " kapcsold fel ki az lámpát lámpa lámpákat nyisd csukd zárd konyhában konyhai nappaliban "
     "hálószobában mennyi hány állítsd percre kérlek összes minden és "},
    {"ro",
     " aprinde stinge pornește oprește deschide închide lumina luminile din în toate bucătărie "
     "bucătăria sufragerie dormitor câte ce și pe rog "},
    {"tr",
     " aç kapat yak söndür ışık ışığı ışığını ışıkları mutfak mutfaktaki salondaki yatak odası "
     "odasının bütün tüm kaç lütfen ve bir dakika ayarla televizyonu "},
};

/* Letters, and the languages that are written with them. All others are written with Latin ones. */
static const struct {
    uint32_t first, last;
    const char *langs;
} scripts[] = {
    {0x0370, 0x03FF, " el "},
    {0x0400, 0x052F, " ru uk be bg sr mk kk ky mn tg "},
    {0x0530, 0x058F, " hy "},
    {0x0590, 0x05FF, " he iw yi "},
    {0x0600, 0x077F, " ar fa ur ps ku ug "},
    {0x0900, 0x097F, " hi mr ne sa "},
    {0x0980, 0x09FF, " bn as "},
    {0x0A00, 0x0A7F, " pa "},
    {0x0A80, 0x0AFF, " gu "},
    {0x0B00, 0x0B7F, " or "},
    {0x0B80, 0x0BFF, " ta "},
    {0x0C00, 0x0C7F, " te "},
    {0x0C80, 0x0CFF, " kn "},
    {0x0D00, 0x0D7F, " ml "},
    {0x0D80, 0x0DFF, " si "},
    {0x0E00, 0x0E7F, " th "},
    {0x0E80, 0x0EFF, " lo "},
    {0x0F00, 0x0FFF, " bo dz "},
    {0x1000, 0x109F, " my "},
    {0x10A0, 0x10FF, " ka "},
    {0x1100, 0x11FF, " ko "},
    {0x1200, 0x139F, " am ti "},
    {0x1780, 0x17FF, " km "},
    {0x3040, 0x30FF, " ja "},
    {0x3400, 0x4DBF, " zh ja "},
    {0x4E00, 0x9FFF, " zh ja ko "},
    {0xAC00, 0xD7AF, " ko "},
};

static int count_words(const struct lt_words *w, const char *list)
{
    int n = 0;
    for (int i = 0; i < w->n; i++) {
        char padded[64];
        snprintf(padded, sizeof padded, " %.60s ", w->v[i]);
        n += strstr(list, padded) != NULL;
    }
    return n;
}

void lt_language_of(const char *given, const char *text, char out[LT_LANG_CAP])
{
    struct lt_words w;
    int best = EVIDENCE - 1;
    memset(out, 0, LT_LANG_CAP);
    if (given && isalpha((unsigned char)given[0]) && isalpha((unsigned char)given[1]) &&
        !isalpha((unsigned char)given[2])) {
        out[0] = (char)tolower((unsigned char)given[0]);
        out[1] = (char)tolower((unsigned char)given[1]);
        return;
    }
    if (!text) return;
    lt_words_split(text, &w);
    for (size_t i = 0; i < sizeof small_words / sizeof *small_words; i++) {
        int n = count_words(&w, small_words[i].words);
        if (n <= best) continue;
        best = n;
        memcpy(out, small_words[i].lang, LT_LANG_CAP);
    }
}

/* The next letter of a text in UTF-8; 0 at its end. A byte that begins none counts as itself. */
static uint32_t next_letter(const char **p)
{
    unsigned char c = (unsigned char)*(*p)++;
    int n = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    uint32_t v = n ? c & (0x3fu >> n) : c;
    if (!c) return 0;
    for (; n && ((unsigned char)**p & 0xc0) == 0x80; n--)
        v = v << 6 | ((unsigned char)*(*p)++ & 0x3fu);
    return v;
}

static int is_written_in(uint32_t letter, const char *const *langs, size_t n_langs)
{
    size_t i, n = sizeof scripts / sizeof *scripts;
    for (i = 0; i < n && (letter < scripts[i].first || letter > scripts[i].last); i++) continue;
    for (size_t k = 0; i < n && k < n_langs; k++) {
        char lang[LT_LANG_CAP], padded[LT_LANG_CAP + 2];
        lt_language_of(langs[k], NULL, lang);
        snprintf(padded, sizeof padded, " %s ", lang);
        if (*lang && strstr(scripts[i].langs, padded)) return 1;
    }
    return i == n;
}

int lt_language_is_known(const char *given, const char *text, const char *const *langs,
                         size_t n_langs)
{
    char lang[LT_LANG_CAP], known[LT_LANG_CAP];
    int n_strange = 0, is_told;
    lt_language_of(NULL, text, lang);
    is_told = *lang != '\0';
    for (const char *p = text ? text : ""; !is_told && *p;)
        n_strange += !is_written_in(next_letter(&p), langs, n_langs);
    if (n_strange >= EVIDENCE) return 0; /* whatever was given with it */
    lt_language_of(given, text, lang);
    for (size_t i = 0; *lang && i < n_langs; i++) {
        lt_language_of(langs[i], NULL, known);
        if (!strcmp(known, lang)) return 1;
    }
    return !*lang;
}
