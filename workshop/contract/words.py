"""Words that a page's script may ask for behind a dot, and which of them a misspelt one is meant for."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from workshop import manifest
from workshop.contract.grammar import Script, methods_called

SHORT = 3  # letters; the shortest words differ by one letter from many others

# What stands behind a dot in a browser (developer.mozilla.org/docs/Web/API), as far as a learner's
# script may want it. What is not here is the learner's own, unless it looks like one of these.
OF_THE_LANGUAGE = """
    length at concat copyWithin entries every fill filter find findIndex findLast findLastIndex flat
    flatMap forEach includes indexOf join keys lastIndexOf map pop push reduce reduceRight reverse
    shift slice some sort splice toReversed toSorted toSpliced unshift values with from isArray of
    charAt charCodeAt codePointAt endsWith localeCompare match matchAll normalize padEnd padStart
    repeat replace replaceAll search split startsWith substring substr toLowerCase toUpperCase
    toLocaleLowerCase toLocaleUpperCase trim trimEnd trimStart fromCharCode raw toString valueOf
    toFixed toPrecision toLocaleString isInteger isFinite isNaN isSafeInteger parseInt parseFloat
    MAX_SAFE_INTEGER MIN_SAFE_INTEGER POSITIVE_INFINITY NEGATIVE_INFINITY NaN EPSILON assign create
    defineProperty freeze fromEntries getOwnPropertyNames getPrototypeOf setPrototypeOf groupBy
    hasOwn hasOwnProperty is isFrozen prototype constructor name call apply bind caller add clear
    delete get has set size difference intersection isSubsetOf union all allSettled any race reject
    resolve then catch finally withResolvers next done value return throw parse stringify rawJSON
    toJSON iterator asyncIterator description abs acos acosh asin asinh atan atanh atan2 cbrt ceil
    cos exp floor hypot log log2 log10 max min pow random round sign sin sqrt tan trunc PI E now
    getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds getTime
    getTimezoneOffset setDate setFullYear setHours setMilliseconds setMinutes setMonth setSeconds
    setTime toDateString toISOString toLocaleDateString toLocaleTimeString toTimeString toUTCString
    UTC DateTimeFormat NumberFormat RelativeTimeFormat Collator PluralRules ListFormat format
    formatToParts compare select test exec flags global index input lastIndex source groups message
    cause stack code
"""
OF_THE_PAGE = """
    document window location history navigator screen console self parent top frames opener origin
    alert confirm prompt open close closed print focus blur stop fetch io localStorage
    sessionStorage getItem setItem removeItem key crypto randomUUID getRandomValues performance mark
    measure memory matchMedia matches getComputedStyle getPropertyValue setProperty removeProperty
    getSelection setTimeout setInterval clearTimeout clearInterval requestAnimationFrame
    cancelAnimationFrame requestIdleCallback queueMicrotask structuredClone innerHeight innerWidth
    outerHeight outerWidth pageXOffset pageYOffset scrollX scrollY devicePixelRatio isSecureContext
    visualViewport error warn info debug table time timeEnd timeLog trace dir count countReset group
    groupEnd assert href host hostname port protocol pathname hash username password searchParams
    reload pushState replaceState back forward go state scrollRestoration createObjectURL
    revokeObjectURL canParse getAll append language languages onLine userAgent platform clipboard
    writeText readText share vibrate geolocation getCurrentPosition watchPosition clearWatch
    mediaDevices getUserMedia getTracks track serviceWorker ready controller register permissions
    query sendBeacon cookieEnabled hardwareConcurrency permission requestPermission width height
    availWidth availHeight orientation
"""
OF_THE_DOCUMENT = """
    body head title URL baseURI characterSet cookie domain documentElement activeElement forms
    images links scripts styleSheets readyState referrer visibilityState hidden hasFocus defaultView
    doctype fonts timeline fullscreenElement exitFullscreen requestFullscreen currentScript
    scrollingElement designMode createElement createElementNS createTextNode createDocumentFragment
    createComment createRange createTreeWalker importNode adoptNode execCommand write writeln
    elementFromPoint elementsFromPoint getElementById getElementsByClassName getElementsByName
    getElementsByTagName querySelector querySelectorAll closest children childElementCount
    childNodes firstChild lastChild firstElementChild lastElementChild nextSibling previousSibling
    nextElementSibling previousElementSibling parentNode parentElement ownerDocument nodeName
    nodeType nodeValue tagName localName isConnected isSameNode isEqualNode contains hasChildNodes
    compareDocumentPosition getRootNode shadowRoot attachShadow content cloneNode appendChild
    prepend before after remove removeChild insertBefore replaceWith replaceChild replaceChildren
    insertAdjacentElement insertAdjacentHTML insertAdjacentText innerHTML outerHTML innerText
    outerText textContent data attributes getAttribute setAttribute removeAttribute hasAttribute
    toggleAttribute hasAttributes getAttributeNames id className classList slot part dataset style
    cssText sheet item toggle animate getAnimations scroll scrollTo scrollBy scrollIntoView
    scrollHeight scrollLeft scrollTop scrollWidth clientHeight clientLeft clientTop clientWidth
    offsetHeight offsetLeft offsetParent offsetTop offsetWidth getBoundingClientRect getClientRects
    left right bottom x y lang tabIndex accessKey draggable translate spellcheck contentEditable
    isContentEditable inert popover showPopover hidePopover togglePopover click nonce role ariaLabel
    ariaLive ariaHidden ariaExpanded ariaPressed ariaCurrent ariaChecked ariaSelected ariaDisabled
    ariaBusy ariaAtomic action method target enctype elements noValidate submit requestSubmit reset
    reportValidity checkValidity setCustomValidity validity validationMessage willValidate valid
    form formAction formMethod type defaultValue valueAsNumber valueAsDate checked defaultChecked
    indeterminate disabled readOnly required placeholder autocomplete autofocus multiple accept
    files maxLength minLength step pattern list label labels htmlFor rows cols wrap options
    selectedIndex selectedOptions selected text selectionStart selectionEnd selectionDirection
    setSelectionRange setRangeText showPicker stepUp stepDown src srcset sizes preload buffered end
    shape tHead tFoot tBodies alt naturalWidth naturalHeight complete loading decode rel download
    media hreflang currentTime duration paused ended muted volume loop autoplay controls play pause
    load playbackRate currentSrc poster returnValue show showModal cells insertRow deleteRow
    insertCell deleteCell rowIndex cellIndex caption start reversed OPEN CLOSED DONE async defer
    noModule crossOrigin integrity summary getContext toDataURL toBlob
"""
OF_EVENTS = """
    addEventListener removeEventListener dispatchEvent handleEvent preventDefault stopPropagation
    stopImmediatePropagation currentTarget relatedTarget srcElement submitter detail bubbles
    cancelable defaultPrevented eventPhase isTrusted timeStamp composedPath once passive capture
    signal abort aborted timeout isComposing altKey ctrlKey metaKey shiftKey keyCode which charCode
    inputType button buttons clientX clientY pageX pageY offsetX offsetY screenX screenY movementX
    movementY deltaX deltaY deltaZ deltaMode pointerId pointerType pressure touches changedTouches
    targetTouches dataTransfer clipboardData items types getData setData kind getAsFile ports port1
    port2 dropEffect effectAllowed newValue oldValue persisted lengthComputable loaded total onclick
    onchange oninput onsubmit onload onerror onkeydown onkeyup onfocus onblur onmessage onscroll
    onresize onended onabort onopen onclose onprogress ontimeout ondragover ondrop onpaste observe
    unobserve disconnect takeRecords isIntersecting intersectionRatio addedNodes removedNodes
    contentRect boundingClientRect
"""
OF_REQUESTS = """
    ok status statusText headers url redirected redirect bodyUsed json blob arrayBuffer formData
    bytes clone getReader read credentials mode cache referrerPolicy keepalive lastModified
    webkitRelativePath stream readAsText readAsDataURL readAsArrayBuffer result results send
    setRequestHeader responseText responseType response upload getResponseHeader encode
    parseFromString
"""
OF_THE_CLIENT = """
    on off onAny offAny prependAny emit emitWithAck connect connected disconnected active recovered
    auth volatile compress listeners listenersAny hasListeners removeAllListeners opts nsp engine
    transport reconnection reconnectionAttempts reconnectionDelay context
"""
OF_OPTIONS = """
    behavior block inline hour minute second year month weekday era timeZone timeZoneName dateStyle
    timeStyle hour12 numeric currency notation minimumFractionDigits maximumFractionDigits threshold
    rootMargin childList subtree characterData attributeFilter attributeOldValue easing iterations
    delay tag badge silent requireInteraction transports forceNew autoConnect withCredentials
    extraHeaders closeOnBeforeunload Accept Authorization Origin
"""
OF_STYLES = """
    alignContent alignItems alignSelf animation animationDelay animationDuration animationName
    appearance aspectRatio backdropFilter background backgroundColor backgroundImage
    backgroundPosition backgroundRepeat backgroundSize border borderBottom borderCollapse
    borderColor borderLeft borderRadius borderRight borderStyle borderTop borderWidth boxShadow
    boxSizing caretColor clipPath color colorScheme columnCount columnGap columns contain cursor
    direction display flex flexBasis flexDirection flexFlow flexGrow flexShrink flexWrap float font
    fontFamily fontSize fontStyle fontVariant fontWeight gap grid gridArea gridColumn gridRow
    gridTemplate gridTemplateAreas gridTemplateColumns gridTemplateRows hyphens inset justifyContent
    justifyItems justifySelf letterSpacing lineHeight listStyle listStyleType mask margin
    marginBottom marginLeft marginRight marginTop maxHeight maxWidth minHeight minWidth mixBlendMode
    objectFit objectPosition opacity order outline outlineColor outlineOffset outlineStyle
    outlineWidth overflow overflowAnchor overflowWrap overflowX overflowY padding paddingBottom
    paddingLeft paddingRight paddingTop placeContent placeItems pointerEvents position resize rotate
    rowGap scale scrollBehavior scrollMargin scrollPadding stroke strokeWidth tabSize tableLayout
    textAlign textDecoration textIndent textOverflow textShadow textTransform touchAction transform
    transformOrigin transition transitionDelay transitionDuration transitionProperty userSelect
    verticalAlign visibility whiteSpace willChange wordBreak wordSpacing wordWrap writingMode zIndex
    zoom
"""
# No browser's words, but what people call things in a chat, and near to a browser's.
OF_PEOPLE = """
    author date day element icon image likes line move names nick node note offset page person rate
    root rule sent stats topic user users watch week weight
"""
PLATFORM = (OF_THE_LANGUAGE, OF_THE_PAGE, OF_THE_DOCUMENT, OF_EVENTS, OF_REQUESTS, OF_THE_CLIENT,
            OF_OPTIONS, OF_STYLES, OF_PEOPLE)  # fmt: skip


@cache
def known() -> tuple[str, ...]:
    """Return the words of all steps' scripts and of their exercises' solutions, then the platform's."""
    ours = [word for text in _scripts_of_the_steps() for word in sorted(Script(text).properties())]
    return tuple(dict.fromkeys([*ours, *" ".join(PLATFORM).split()]))


@cache
def methods() -> frozenset[str]:
    """Return the methods that the steps' scripts call, and their exercises' solutions."""
    return frozenset().union(
        *(methods_called(Script(each).root) for each in _scripts_of_the_steps())
    )


def own(folder: Path) -> set[str]:
    """Return the words that a chat's other files give its script.

    They are what its Python and its pages put between quotes, or name with an =, and the page's
    `data-` attributes, as a script writes them: `data-last-seen` is `lastSeen`.
    """
    found: set[str] = set()
    for path in (
        *folder.glob("*.py"),
        *folder.glob("templates/*.html"),
        *folder.glob("static/*.css"),
    ):
        text = path.read_text(encoding="utf-8", errors="replace")
        found.update(re.findall(r"""["'](\w+)["']""", text))
        found.update(re.findall(r"\b(\w+)\s*=", text) if path.suffix == ".py" else ())
        found.update(_in_dataset(name) for name in re.findall(r"\bdata-([\w-]+)", text))
    return found


def meant(word: str, among: Iterable[str]) -> str:
    """Return the word that a misspelt one is meant for, by its capitals or one letter; else ""."""
    lower, words = word.lower(), list(among)
    return next(
        (each for each in words if each.lower() == lower),
        next((each for each in words if len(each) > SHORT and _one_apart(lower, each.lower())), ""),
    )


def _one_apart(one: str, other: str) -> bool:
    """Tell whether a letter was inserted, left out or taken for another, or two were swapped."""
    long, short = sorted((one, other), key=len, reverse=True)
    return any(
        long[:at] + long[at + 1 :] in (short, short[:at] + short[at + 1 :])
        or long[:at] + long[at : at + 2][::-1] + long[at + 2 :] == short
        for at in range(len(long))
    )


def _in_dataset(attribute: str) -> str:
    return re.sub(r"-(\w)", lambda found: found[1].upper(), attribute)


def _scripts_of_the_steps() -> list[str]:
    texts = []
    for step in manifest.steps():
        script = step.folder / "static" / "chat.js"
        texts += [script.read_text(encoding="utf-8")] if script.is_file() else []
        patch = (step.folder / "exercise.patch").read_text(encoding="utf-8")
        files = [part for part in patch.split("--- a/") if part.startswith("static/chat.js")]
        texts += ["\n".join(re.findall(r"^\+(?!\+)(.*)", part, re.M)) for part in files]
    return texts
