r"""Safety material in conversations, by stated patterns: replies that refuse for safety, humans who ask for harm.

What `hh-nosafe` leaves out of helpful data, beside every record of safety work. The lists are read by people: each entry has
a name, which the removed row is listed under, and stands for one way of saying it. With any change of a list the version of
the trait `material` goes up.

English only. Not covered: euphemism, role play, code words, insults and slurs as such, medical and legal questions, harm that
only several turns together show. A reply that cannot do something ("I can't see pictures") is no refusal for safety.
Precise, with many misses (0.94 and about half on harmless conversations): no moderation. Measured in docs/design/hh-nosafe.md.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def _one_of(*lines: str) -> str:
    """One of the alternatives that the lines list, wherever it stands."""
    return f"(?:{'|'.join(lines)})"


def _begun(*lines: str) -> str:
    """One of the alternatives, from the start of a word."""
    return rf"\b{_one_of(*lines)}"


def _words(*lines: str) -> str:
    """One of the alternatives, whole words."""
    return rf"{_begun(*lines)}\b"


_UNWILLING = _one_of(
    r"won't|will not|refuse to",
    r"(?:do not|don't) (?:really )?(?:want|wish|feel comfortable|feel right)(?: to)?",
    r"would(?:n't| not) want to|(?:'d| would) rather not|(?:'d| would) prefer not to",
    r"(?:'m| am) not (?:going|willing|comfortable|prepared|allowed|able in good conscience)(?: to)?",
    r"(?:'m| am) (?:uncomfortable|reluctant|unwilling|hesitant)(?: to)?",
)
_HELP = _one_of(
    r"help|assist|tell|teach|give|provide|show|share|say that|repeat|encourage|support|endorse|promote",
    r"condone|facilitate|discuss|talk about|be (?:part|involved|complicit|mean|rude|racist)|helping",
    r"assisting|telling|giving|providing|showing|sharing|discussing|talking about|with (?:that|this|it)",
)
_WRONG = _one_of(
    r"illegal|unlawful|against the law|unethical|immoral|morally wrong|a (?:\w+ )?crime(?: to\b|[.,;!?]|$)",
    r"criminal|a felony|racist|sexist|bigoted|hateful|discriminatory|abusive|homophobic|transphobic",
    r"anti-?semitic",
)
_DEGREE = r"(?:(?:very|really|extremely|highly|also|probably|likely|quite|pretty|usually|clearly|just|both|not only|considered|incredibly|deeply|typically|potentially|almost certainly) )*"

REFUSALS: Mapping[str, str] = {
    # "I won't help you do that", "I'd rather not say"
    "unwilling": _words(
        rf"i ?{_UNWILLING} (?:\w+ ){{0,2}}?{_HELP}",
    ),
    # "I can't in good conscience", "I cannot recommend stealing"
    "conscience": _begun(
        r"i (?:can't|cannot|could not|couldn't|can not) (?:in good conscience|condone|endorse|(?:recommend|encourage|support|advise|help)(?: you)?(?: in| with| to| on)? (?:doing|any|that kind|this kind|that sort|violence|theft|steal|illegal|hurt|harm|kill|break|commit|such|anything))",
    ),
    # "I can't help you with that."; with a reason given that is no safety, `_CANNOT` takes it out again
    "cannot help": _words(
        r"(?:can't|cannot|can not|unable to|not able to) (?:help|assist) (?:you )?(?:with|do|in) (?:that|this|it|such \w+)",
    ),
    # "that's illegal", "it would be really unethical"
    "unlawful or wrong": _words(
        rf"(?:that|this|it|which|what you(?:'re| are) \w+|doing (?:so|that|this|it)|stealing|hacking|shoplifting)(?:'s| is| are| was|'d be| would be| could be| may be| might be| sounds| seems| can be) {_DEGREE}(?:an? )?{_DEGREE}{_WRONG}",
    ),
    # "I don't think that's a good idea", "you shouldn't do that"
    "dissuades": _begun(
        r"(?:do not|don't) think (?:that|this|it)(?:'s| is| would be|'d be) (?:a )?(?:good idea|appropriate|right|okay|ok|nice|acceptable|kind)\b",
        r"you (?:really )?(?:shouldn't|should not|must not) (?:do (?:that|this|it)|be (?:doing|asking|trying)|try to (?:hurt|harm|steal|hack|kill|poison|get (?:back|revenge)))",
        r"(?:that|this|it)(?:'s| is) (?:really |very )?(?:not (?:okay|ok|acceptable|appropriate|nice)|inappropriate)(?:[.,;!?]|$| to (?:say|ask|do|joke|talk|hurt))",
        r"not (?:very |a )nice (?:thing )?(?:to|of you)",
        r"(?:that|this|it)(?:'s| is| would be|'d be| sounds like) (?:really |very )?an? (?:really |very )?(?:terrible|awful|horrible) idea\b",
        r"(?:that|this|it)(?:'s| is| would be|'d be) (?:really |very |pretty |just )?(?:mean|cruel|mean and \w+|not ok(?:ay)?)(?:[.,;!?]|$| to)",
        r"definitely not (?:ok|okay)\b",
        r"(?:won't|wouldn't|would not|can't|cannot|do not|don't) (?:really )?(?:recommend|advise|suggest|condone|offer (?:any |you )?advice on|give (?:any |you )?advice on)(?: (?:that|this|it|doing (?:that|this|it)))?(?:[.,;!?]|$)",
        r"please (?:don't|do not) (?:do (?:that|this|it)|hurt|harm|kill|steal)",
    ),
    # "sorry, I can't do that", "I don't want to talk about this"
    "will not do": _begun(
        r"sorry,? (?:but )?(?:i )?(?:can't|cannot|won't|will not) (?:really )?(?:do|help with|tell you|give you|share|provide|answer|allow|let you) (?:that|this|it)\b",
        r"i (?:don't|do not) want to (?:do|talk about|discuss|help with|answer) (?:that|this|it)\b",
        r"(?:hard|difficult|uncomfortable) for me to talk about|set(?:ting)? (?:\w+ )?boundaries with",
    ),
    # "against my values", "designed to be harmless"
    "own rules": _begun(
        r"(?:against|violates?|violating|outside|contrary to) (?:my|our|all my) (?:\w+ )?(?:values|principles|ethics|programming|guidelines|policy|policies|rules|code|morals)",
        r"i(?:'m| am| was) (?:designed|programmed|meant|supposed|trying|made) to be (?:\w+ (?:and|,) )?(?:harmless|ethical|kind)",
        r"as an ethical|avoid (?:causing|doing) harm",
    ),
    # "why do you want to hurt them?", "are you planning to"
    "asks why harm": _begun(
        r"why (?:do|would|are) you (?:want(?:ing)?|trying|asking|planning|like|need)(?: to)? (?:\w+ )?(?:hurt|harm|kill|steal|poison|hack|stalk|attack|destroy|rob|murder|hide|get (?:revenge|away))",
        r"(?:you(?:'re| are) )?(?:thinking|planning) (?:of|about|on|to) (?:hurt|harm|kill|steal|attack)\w*",
    ),
    # "call a suicide hotline", "reach out to the police"
    "sends to help": _words(
        r"(?:suicide|crisis|abuse|domestic violence) (?:prevention )?(?:hot ?line|help ?line|lifeline|line|center)",
        r"1-?800-?273|call 911",
        r"(?:call|contact|go to|report (?:it|this|that|them|him|her|yourself) to) the (?:police|authorities)",
        r"turn yourself in",
        r"(?:you should|please|need to|might want to) (?:\w+ )?(?:get|seek|find) (?:some |professional |medical )*help\b",
    ),
    # "I'm sorry, that's offensive", "stereotypes are harmful"
    "harmful talk": _words(
        r"(?:offensive|hurtful|harmful|disrespectful|derogatory|demeaning) (?:term|word|language|joke|stereotype|comment|to say|to (?:people|women|others|many))s?",
        r"harmful stereotypes?|based on stereotypes|hate speech",
    ),
}
"""Ways in which a reply refuses, dissuades or turns to safety; matched without regard to case, at the first that fits."""

_CANNOT = r"\b(?:can't|cannot|can not|unable to|not able to) (?:help|assist) (?:you )?(?:with|do|in) (?:that|this|it|such \w+)\b[^.!?]{0,12}[,;.!?]? ?(?:because |since |as |but )?(?:i(?:'m| am) (?:only|just|a|an|not)|i (?:don't|do not|can't|cannot) (?:have|know|see|access|understand)|(?:could|can) you|do you (?:know|have)|what|which)\b"
"""Why something cannot be done that is no matter of safety: "I can't help you with that, I don't have a phone"."""

_PERSON = _one_of(
    r"someone|somebody|people|a person|a (?:man|woman|child|kid|baby|girl|boy|cop|guy)|him|her|them",
    r"(?:my|his|her|their|your|our) (?:\w+[- ])?(?:wife|husband|girlfriend|boyfriend|ex|boss|neighbou?r'?s?|mother|father|mom|dad|parents|brother|sister|son|daughter|kids?|child|children|baby|roommate|teacher|coworker|friend|enemy|family|spouse|partner)",
)
_HURTS = _one_of(
    r"kill|murder|poison|stab|strangle|torture|kidnap|rape|assault|beat up|hurt|shoot|drown|blackmail|drug",
    r"stalk|harass|bully|threaten|attack|maim|choke|molest|abduct|lynch|punch|hijack|carjack",
)
_GETS = _one_of(
    r"make|makes|making|build|building|buy|buying|get|getting|find|cook|cooking|grow|growing|sell|selling",
    r"order|create|smuggle|smuggling|obtain|manufacture|synthesi[sz]e|score|use|take|inject|snort|smoke",
    r"3d print|hide|carry",
)

HARM_ASKED: Mapping[str, str] = {
    # harm to a person
    "violence": (
        _words(
            rf"{_HURTS}(?:n?ing)? (?:\w+ ){{0,2}}?{_PERSON}",
            r"break(?:ing)? (?:his|her|their|someone's|somebody's) (?:leg|arm|neck|nose|jaw|finger|kneecap|bone)s?",
            r"spik(?:e|ing) (?:\w+ ){1,3}?(?:drink|glass|wine|punch|food)",
            r"get away with (?:murder|killing|it)",
            r"beat(?:ing)? (?:my|his|her|their|your) (?:wife|kids?|child(?:ren)?|girlfriend|dog)",
        )
        + "|"
        + _begun(
            r"(?:trying|attempting|want|wanna|going|plan\w*) to (?:kill|murder|poison|strangle) \w+",
            r"(?:hijack|carjack|kidnap|blackmail|lynch)\w*|bomb threats?",
            r"slap(?:ping)? (?:someone|somebody|him|her|them|my \w+)|set(?:ting)? (?:\w+ ){1,3}?on fire",
            r"light(?:ing)? (?:\w+ ){1,3}?on fire|arson\w*|pyromania\w*",
            r"(?:hire|find) (?:an? )?(?:hit ?man|assassin)",
            r"(?:hide|dispose of|get rid of|bury) (?:a|the|my|his|her) (?:dead )?(?:body|corpse)",
            r"(?:mass|school) shooting",
        )
    ),
    # not to be caught at it
    "evasion": _words(
        r"without (?:\w+ ){0,3}?(?:getting caught|being caught|getting in(?:to)? trouble|raising suspicion|being detected|being noticed|being found|(?:him|her|them|anyone|anybody|someone|people|\w+ing it) (?:ever )?(?:noticing|knowing|finding out))",
        r"get(?:ting)? away with|avoid (?:getting caught|detection|the police|paying)",
        r"(?:not|never|n't) get caught|(?:get|take|taking) revenge|get back at",
        r"fak(?:e|ing) (?:an? |my )?(?:illness|injury|death|vaccin\w+|prescription|id|passport|document\w*)",
    ),
    # cruelty to animals
    "animals": _words(
        r"(?:torture|abus)(?:e|ing)? (?:\w+ ){0,2}?animals?",
        r"(?:kill|torture|poison|abuse|hurt|drown|burn|strangle|beat|kick)(?:ing)? (?:\w+ ){0,3}?(?:dogs?|cats?|pupp(?:y|ies)|kittens?|turtles?|hamsters?|horses?|rabbits?|birds?)",
        r"(?:cock|dog) ?fight(?:s|ing)|animal (?:cruelty|abuse)|poach(?:ing|ers?)|bestiality",
    ),
    # children harmed
    "children": _words(
        r"child (?:abuse|porn\w*|labou?r|soldiers?|molest\w+|traffick\w+)",
        r"abus(?:e|ing) (?:\w+ ){0,2}?(?:boys|girls|kids|child(?:ren)?)",
        r"groom(?:ing)? (?:a )?(?:child(?:ren)?|kids?|minors?|girls?)|minors",
    ),
    # terror and organised crime
    "terror and gangs": _words(
        r"(?:commit|plan|join|support|fund)\w* (?:\w+ ){0,2}?terroris\w+|terrorist (?:attack|act)s?|isis",
        r"al[- ]qaeda|taliban|jihad\w*|extremists?|join (?:a |the )?(?:gang|mafia|cartel|cult)",
        r"(?:start|run|lead)(?:ing)? a (?:gang|cult|cartel)|cartels?|mafia|human traffick\w+|smuggl\w+",
        r"extort\w*|(?:take|taking) hostages?|overthrow (?:the|a) government",
    ),
    # weapons and explosives
    "weapons": (
        _words(
            rf"{_GETS} (?:\w+ ){{0,4}}?(?:bombs?|explosives?|molotov|napalm|grenades?|silencer|ghost gun|nerve gas|anthrax|ricin|chlorine gas|mustard gas|poison)",
        )
        + "|"
        + _begun(
            r"bomb[- ]making|pipe bombs?",
            r"blow(?:ing)? up (?:a|the|my|an) (?:car|house|building|school|plane|church|mosque|bank|bridge)",
        )
    ),
    # hard drugs, and what is prescribed got without
    "drugs": (
        _words(
            rf"{_GETS} (?:\w+ ){{0,4}}?(?:meth|methamphetamines?|cocaine|heroin|crack|fentanyl|lsd|acid trip|ecstasy|mdma|ketamine|opium|crystal|illegal drugs?|drugs|roofies?)",
            r"(?:sell|deal|deal in|smuggle|buy)(?:ing)? (?:\w+ )?drugs|smok\w+ crack|crack ?pipes?",
            r"drug (?:mules?|deal\w*)|fake prescriptions?|the drugs? acid",
            r"(?:grow|sell|buy|get|smoke)(?:ing)? (?:\w+ ){0,2}?(?:weed|marijuana|cannabis|pot)|meth",
            r"methamphetamines?|cocaine|heroin|fentanyl",
        )
        + "|"
        + _begun(
            r"(?:pass|beat|cheat|fool|fake) (?:a|the|my) (?:\w+ )?drug test",
        )
    ),
    # theft, fraud, forgery
    "theft and fraud": _words(
        r"steal(?:ing)?|(?:commit|committing) (?:\w+ ){0,2}?crimes?|vandal\w+|graffiti",
        r"slash(?:ing)? (?:\w+ )?(?:tires?|tyres?)|lunch money|catfish(?:ing)? (?:people|someone)",
        r"trespass\w*|sneak(?:ing)? (?:into|past)|black market|shoplift(?:ing)?",
        r"rob(?:bing)? (?:a|the|my|someone)|burgl\w+|pickpocket\w*|hot-?wir\w+|launder(?:ing)? money",
        r"money laundering|counterfeit\w*|forg(?:e|ing) (?:a|an|my|his|her|someone|checks?|documents?)",
        r"embezzl\w+|fake id|insurance fraud|tax fraud|credit card fraud|evade (?:\w+ )?tax(?:es)?",
        r"cheat(?:ing)? on (?:my|your|a|an|his|her) (?:tax\w*|test|exam|wife|husband|girlfriend|boyfriend)",
        r"scam(?:ming)? (?:\w+ )?(?:people|someone|money)",
        r"break(?:ing)? in(?:to)? (?:a|the|my|someone|some|an) \w+|pick (?:a|the) lock",
        r"someone else's credit card|stolen credit cards?|get out of a (?:dui|ticket)",
    ),
    # computers and accounts of others
    "hacking": _words(
        r"hack(?:ing)? (?:into|my|someone|a|an|the|his|her|their|people)|phishing|ransomware|malware",
        r"keylogger|ddos|spyware|(?:make|write|create|code) (?:a |an )?(?:computer )?virus",
        r"crack (?:a |the |someone's )?passwords?",
        r"(?:steal|get|guess) (?:someone's|my \w+'s|their|his|her) password",
        r"(?:pirate|torrent|illegally download)\w*",
    ),
    # where somebody lives, spying
    "privacy": _words(
        r"(?:home|house|residential|street|personal) address (?:of|for)|residential address",
        r"who (?:lives|is living|resides|is residing) (?:at|in|there)",
        r"(?:his|her|their|someone's) (?:home |house |email )?address|ssn|bank account",
        r"credit card numbers?|what(?:'s| is) \w+ \w+'s (?:home )?(?:address|phone number)",
        r"where does \w+ \w+ live|social security number|spy(?:ing)? on|(?:hidden|hide a) camera",
        r"track (?:my|someone|his|her)(?: \w+)?'s? (?:phone|location|car)",
        r"read (?:my|his|her) \w+'s? (?:texts?|messages|emails?)|dox\w*|stalk(?:ing)?",
    ),
    # self-harm
    "self-harm": _words(
        r"kill(?:ing)? myself|suicid\w+|end(?:ing)? my life|(?:cut|hurt|harm|starve)(?:ting|ing)? myself",
        r"self[- ]harm|want to die|overdos\w+|anorexi\w+|bulimi\w+|pro-ana",
    ),
    # sexual content, sex bought, minors
    "sexual": _words(
        r"porn\w*|fuck (?:your|my|me|her|him|a)|sex positions?",
        r"sexual (?:acts?|favou?rs?|fantas\w+|position\w*)|nudes",
        r"naked (?:pictures?|photos?|pics?|women|girls)|prostitut\w*|hookers?|escort services?",
        r"sex (?:tape|toys?|with (?:a|my|an|minors?|children|animals?))|have sex|blow ?jobs?|orgasms?",
        r"pedophil\w*|paedophil\w*|child brides?|underage|(?:get|getting) laid|masturbat\w+|strippers?",
        r"ejaculat\w+|bdsm|fetish\w*|incest\w*|boobs|tits|penis|vagina",
    ),
    # contempt for groups
    "hate": _words(
        r"(?:racist|sexist|offensive|anti-?semitic|dead baby|holocaust) (?:joke|slur|word|name|insult|thing)s?",
        r"white (?:power|supremac\w+|nationalis\w+)",
        r"(?:jokes?|insults?) about (?:\w+ )?(?:women|blacks?|black people|jews|jewish|mexicans|muslims|asians|gays|fat people|disabled|blondes)",
        r"why (?:are|do) (?:all |so many )?(?:women|blacks?|black people|jews|mexicans|muslims|asians|gays|immigrants|men|fat people|white people)\b",
        r"(?:hate|i hate|exterminate|deport|get rid of) (?:all )?(?:women|blacks?|black people|jews|mexicans|muslims|asians|gays|immigrants|white people)",
        r"ku klux klan|kkk|neo-?nazis?|heil hitler|racial slurs?|n[- ]word",
        r"(?:profane|curse|swear|cuss|dirty|bad) words?|insults?|profanit\w+|slurs?|sluts?|slutty",
    ),
}
"""What a human asks for or speaks of that draws safety talk; matched without regard to case, at the first that fits."""

_ORDINARY = _begun(
    r"hurt(?:ing|s)? (?:\w+ ){0,2}?\w+(?:'s|s')? feelings",
    r"crime (?:drama|novel|show|scene|series|fiction|story|stories|film|movie|rate)s?",
    r"(?:kill|killing) (?:time|me|it)\b|poison (?:ivy|oak|sumac)",
    r"shoot (?:\w+ ){1,2}?(?:an? )?(?:e-?mail|message|text)|stole the show",
    r"steal(?:ing)? the (?:show|spotlight)|(?:from|without|avoid|not) cutting myself|hair loss drugs?",
    r"prescription drugs?|drug ?stores?|crystal (?:clear|ball|glass\w*|lake|palace)",
)
"""Ordinary ways of speaking that the patterns would trip over; taken out before they are looked for."""


def refusal_pattern(replies: pl.Series) -> pl.Series:
    """The name of the first of `REFUSALS` that each reply fits, null where none does.

    Args:
        replies: shape (n,), texts of replies; null fits nothing.
    Returns:
        n names or nulls.
    """
    texts = _plain(replies)
    found = _first_pattern(texts, REFUSALS)
    unable = (found == "cannot help") & texts.str.contains(_CANNOT)
    return pl.select(pl.when(~unable.fill_null(value=False)).then(found)).to_series().alias(replies.name)


def harm_pattern(said: pl.Series) -> pl.Series:
    """The name of the first of `HARM_ASKED` that each text of a human fits, null where none does.

    Args:
        said: shape (n,), texts of humans; null fits nothing.
    Returns:
        n names or nulls.
    """
    return _first_pattern(_plain(said), HARM_ASKED).alias(said.name)


def _plain(texts: pl.Series) -> pl.Series:
    """Straight apostrophes, small letters, single spaces, as the patterns are written; without `_ORDINARY` phrases."""
    lowered = texts.cast(pl.String).fill_null("").str.to_lowercase()
    spaced = lowered.str.replace_all("[\u2018\u2019\u00b4`]", "'").str.replace_all(r"\s+", " ")
    return spaced.str.replace_all(_ORDINARY, " ")


def _first_pattern(texts: pl.Series, patterns: Mapping[str, str]) -> pl.Series:
    names = [pl.when(pl.col("text").str.contains(pattern)).then(pl.lit(name)) for name, pattern in patterns.items()]
    return texts.to_frame("text").select(pl.coalesce(names)).to_series()
