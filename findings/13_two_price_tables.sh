#!/usr/bin/env bash
# Two price tables agree on every Claude id of Bedrock that has a geography in front, and differ by ten percent on the plain one.
#
# Software: litellm 1.110.2 (its model_prices_and_context_window_backup.json, read from the wheel, not installed), genai-prices 0.2.3 (PyPI).
# Input:    the input price of each Claude id that both know plain and behind global. and us.; also eu., jp., au., us-gov.
# Seen:     behind global., us., eu., jp. and au. both say the same: us., eu., jp. and au. are a tenth dearer than global. The plain id costs
#           what global. does in litellm, and what us. does in genai-prices, for every one of these models. us-gov.: 20 % over global. in
#           litellm, 10 % in genai-prices, which does not know it apart. Sonnet 4, older than 4.5, has one price.
# Why:      a plain id is what a gateway sees when its caller or an inference profile is resolved down to the model. Its bill depends on
#           which table it was given: budgets of one user checked by two tools drift apart by a tenth, for exactly the models that cost
#           most. Only the account's bill can tell who is right; neither table says that it assumes anything.
set -euo pipefail
# shellcheck source=findings/lib.bash
. "$(dirname "$0")/lib.bash"

pip_install genai-prices==0.2.3
py/bin/pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest wheel litellm==1.110.2 >&2
cat >program.py <<'END'
import glob
import json
import zipfile
from decimal import Decimal
from importlib.metadata import version

from genai_prices import Usage, calc_price

wheel = glob.glob("wheel/litellm-*.whl")[0]
table = json.loads(zipfile.ZipFile(wheel).read("litellm/model_prices_and_context_window_backup.json"), parse_float=Decimal)
print("litellm", wheel.split("-")[1])
print("genai-prices", version("genai-prices"))


def litellm(model):
    return table[model]["input_cost_per_token"] * 1000000 if model in table else None


def genai(model):
    try:
        return calc_price(Usage(input_tokens=1000, output_tokens=0), model, provider_id="aws").total_price * 1000
    except LookupError:
        return None


def money(price):
    return f"{price.normalize():f}"


models = [m for m in table if m.startswith("anthropic.claude-") and "@" not in m and litellm("global." + m) is not None
          and litellm("us." + m) is not None and genai(m) is not None]
same = differ = 0
for model in models:
    plain = litellm(model), genai(model)
    print(f"{model}: " + (money(plain[0]) if plain[0] == plain[1] else f"{money(plain[0])} and {money(plain[1])}"))
    for way in "global", "us", "eu", "jp", "au":
        prices = litellm(f"{way}.{model}"), genai(f"{way}.{model}")
        if None not in prices:
            same += prices[0] == prices[1]
            differ += prices[0] != prices[1]
    gov = litellm("us-gov." + model), genai("us-gov." + model)
    if None not in gov:
        print(f"  us-gov.: {money(gov[0])} and {money(gov[1])}")
print(f"behind global., us., eu., jp., au.: {same} equal, {differ} different")
for title, price in ("litellm", litellm), ("genai-prices", genai):
    for way in "global", "us":
        print(f"{title}: plain is {way}. for {sum(price(m) == price(f'{way}.{m}') for m in models)} of {len(models)}")
END
timeout 60 "$PYTHON" program.py >seen
holds <<'END'
litellm 1.110.2
genai-prices 0.2.3
anthropic.claude-haiku-4-5-20251001-v1:0: 1 and 1.1
anthropic.claude-opus-4-5-20251101-v1:0: 5 and 5.5
anthropic.claude-opus-4-6-v1: 5 and 5.5
anthropic.claude-opus-4-7: 5 and 5.5
anthropic.claude-fable-5: 10 and 11
anthropic.claude-fable-5-1: 10 and 11
anthropic.claude-opus-5: 5 and 5.5
anthropic.claude-opus-5-5: 4 and 4.4
anthropic.claude-opus-4-8: 5 and 5.5
anthropic.claude-sonnet-5: 2 and 2.2
  us-gov.: 2.4 and 2.2
anthropic.claude-sonnet-4-6: 3 and 3.3
anthropic.claude-sonnet-4-20250514-v1:0: 3
anthropic.claude-sonnet-4-5-20250929-v1:0: 3 and 3.3
  us-gov.: 3.6 and 3.3
anthropic.claude-sonnet-5-5: 2 and 2.2
  us-gov.: 2.4 and 2.2
anthropic.claude-haiku-5-5: 0.1 and 0.11
  us-gov.: 0.12 and 0.11
behind global., us., eu., jp., au.: 66 equal, 0 different
litellm: plain is global. for 15 of 15
litellm: plain is us. for 1 of 15
genai-prices: plain is global. for 1 of 15
genai-prices: plain is us. for 15 of 15
END
