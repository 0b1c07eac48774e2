"""Which names of places, or parties, mean the same, or lie one in the other. News English, not a gazetteer."""

from __future__ import annotations

# One country a line: its names, then its capital or the seat of its government, which news say for it.
_LINES = """
us/usa/united states/united states of america/america: washington
uk/united kingdom/britain/great britain/england: london/westminster/downing street
eu/european union/europe: brussels
afghanistan: kabul
albania: tirana
algeria: algiers
argentina: buenos aires
australia: canberra
austria: vienna
bahrain: manama
bangladesh: dhaka
belarus: minsk
belgium: brussels
bosnia/bosnia and herzegovina: sarajevo
brazil: brasilia
bulgaria: sofia
burma/myanmar: naypyidaw
cambodia: phnom penh
canada: ottawa
chile: santiago
china: beijing
colombia: bogota
congo/dr congo/democratic republic of congo: kinshasa
croatia: zagreb
cuba: havana
cyprus: nicosia
czech republic/czechia: prague
denmark: copenhagen
egypt: cairo
estonia: tallinn
ethiopia: addis ababa
finland: helsinki
france: paris
germany: berlin
ghana: accra
greece: athens
haiti: port-au-prince
hungary: budapest
iceland: reykjavik
india: delhi/new delhi
indonesia: jakarta
iran: tehran
iraq: baghdad
ireland/republic of ireland: dublin
israel: jerusalem/tel aviv
italy: rome
ivory coast: abidjan
jamaica: kingston
japan: tokyo
jordan: amman
kazakhstan: astana
kenya: nairobi
kuwait: kuwait city
latvia: riga
lebanon: beirut
libya: tripoli
lithuania: vilnius
malaysia: kuala lumpur
mali: bamako
malta: valletta
mexico: mexico city
morocco: rabat
nepal: kathmandu
netherlands/holland: the hague/amsterdam
new zealand: wellington
nigeria: abuja
north korea: pyongyang
northern ireland: belfast/stormont
norway: oslo
pakistan: islamabad
palestine: ramallah
peru: lima
philippines: manila
poland: warsaw
portugal: lisbon
qatar: doha
romania: bucharest
russia: moscow/kremlin
rwanda: kigali
saudi arabia: riyadh
scotland: edinburgh/holyrood
senegal: dakar
serbia: belgrade
singapore: singapore city
slovakia: bratislava
slovenia: ljubljana
somalia: mogadishu
south africa: pretoria
south korea: seoul
spain: madrid
sri lanka: colombo
sudan: khartoum
sweden: stockholm
switzerland: bern
syria: damascus
taiwan: taipei
tanzania: dodoma
thailand: bangkok
tunisia: tunis
turkey: ankara
uganda: kampala
ukraine: kiev/kyiv
united arab emirates/uae: abu dhabi
uruguay: montevideo
venezuela: caracas
vietnam: hanoi
wales: cardiff
yemen: sanaa
zambia: lusaka
zimbabwe: harare
angola: luanda
armenia: yerevan
azerbaijan: baku
benin: porto-novo
bolivia: la paz
botswana: gaborone
burkina faso: ouagadougou
burundi: bujumbura
cameroon: yaounde
central african republic: bangui
chad: ndjamena
costa rica: san jose
dominican republic: santo domingo
ecuador: quito
el salvador: san salvador
eritrea: asmara
fiji: suva
gabon: libreville
gambia: banjul
georgia: tbilisi
guatemala: guatemala city
guinea: conakry
honduras: tegucigalpa
kosovo: pristina
kyrgyzstan: bishkek
laos: vientiane
liberia: monrovia
luxembourg: luxembourg city
macedonia: skopje
madagascar: antananarivo
malawi: lilongwe
maldives: male
mauritania: nouakchott
mauritius: port louis
moldova: chisinau
mongolia: ulan bator
montenegro: podgorica
mozambique: maputo
namibia: windhoek
nicaragua: managua
niger: niamey
oman: muscat
panama: panama city
papua new guinea: port moresby
paraguay: asuncion
sierra leone: freetown
south sudan: juba
tajikistan: dushanbe
togo: lome
trinidad and tobago: port of spain
turkmenistan: ashgabat
uzbekistan: tashkent
"""
# Not those that have the name of a town.
_REGION_LINES = """
alabama/alaska/arizona/arkansas/california/colorado/connecticut/delaware/florida/hawaii/idaho/illinois/indiana/iowa
kansas/kentucky/louisiana/maine/maryland/massachusetts/michigan/minnesota/mississippi/missouri/montana/nebraska/nevada
new hampshire/new jersey/new mexico/new york state/north carolina/north dakota/ohio/oklahoma/oregon/pennsylvania
rhode island/south carolina/south dakota/tennessee/texas/utah/vermont/virginia/washington state/west virginia
wisconsin/wyoming/bedfordshire/berkshire/buckinghamshire/cambridgeshire/cheshire/cornwall/county antrim/county armagh
county down/county durham/county fermanagh/county londonderry/county tyrone/cumbria/derbyshire/devon/dorset
east sussex/east yorkshire/essex/gloucestershire/greater manchester/gwent/gwynedd/hampshire/herefordshire/hertfordshire
kent/lancashire/leicestershire/lincolnshire/merseyside/norfolk/north yorkshire/northamptonshire/northumberland
nottinghamshire/oxfordshire/pembrokeshire/powys/shropshire/somerset/south yorkshire/staffordshire/suffolk/surrey/sussex
tyne and wear/warwickshire/west midlands/west sussex/west yorkshire/wiltshire/worcestershire/yorkshire
"""
_CONTINENTS = {"africa", "asia", "europe", "america", "south america", "north america", "middle east", "west", "world"}
# A German is a European: in place of the narrower word, these would leave the claim true.
_WIDE_PEOPLES = {
    "european", "europeans", "african", "africans", "asian", "asians", "american", "americans", "arab", "arabs",
    "western", "westerners", "british", "muslim", "muslims", "islamic", "islamist", "christian", "christians",
    "north african", "west african", "east african", "south american", "latin american",
}  # fmt: skip

_SETS = [set(line.replace(": ", "/").split("/")) for line in _LINES.strip().splitlines()]
COUNTRIES = {name for line in _LINES.strip().splitlines() for name in line.split(": ")[0].split("/")}
_REGIONS = {name for line in _REGION_LINES.strip().splitlines() for name in line.split("/")}

_PARTIES = [
    {"conservative", "conservatives", "conservative party", "tory", "tories", "tory party"},
    {"republican", "republicans", "republican party", "gop"},
]


def one_place(one: str, other: str) -> bool:
    """Whether both (in small letters, without "the") name one country, or its government's seat."""
    return any(one in names and other in names for names in _SETS)


def one_party(one: str, other: str) -> bool:
    """Whether both (in small letters, without "the") name one party, or its people."""
    return any(one in names and other in names for names in _PARTIES)


def wider(one: str, other: str) -> bool:
    """Whether ``other`` is of a wider kind than ``one``: a county or country for a town, a continent for both."""
    return _width(other) > _width(one) or other in _WIDE_PEOPLES


def _width(name: str) -> int:
    return next((width for width, names in ((3, _CONTINENTS), (2, COUNTRIES), (1, _REGIONS)) if name in names), 0)
