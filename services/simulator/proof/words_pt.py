"""What Brazilian customers write; all lists of the marketplace, with the same slots as `phrases_id`."""

from __future__ import annotations

from typing import Final

OPENERS: Final = ("boa tarde", "olá", "bom dia", "pessoal", "gente", "por favor", "que decepção")
CLOSERS: Final = (
    "aguardo retorno",
    "quero uma resposta",
    "assim não dá",
    "me ajudem",
    "obrigada",
    "não compro mais aqui",
)
ITEMS: Final = (
    "tênis",
    "liquidificador",
    "relógio",
    "jogo de cama",
    "fone de ouvido",
    "cadeira",
    "tapete",
    "carregador",
    "brinquedo",
    "perfume",
)
NAMES: Final = ("o porteiro", "Maria", "José", "a vizinha")

LATE: Final = (
    "meu {item} ainda não chegou, o prazo já passou",
    "faz {days} dias que comprei e não recebi o {item}",
    "o prazo de entrega venceu e nada do produto",
    "comprei e até agora não recebi, está atrasado",
    "cadê meu pedido? já passou da data prevista de entrega",
    "entrega atrasada, continuo esperando o {item}",
)
LATE_BUT_HERE: Final = (
    "o {item} chegou, mas com {days} dias de atraso",
    "demorou muito para chegar, entregaram depois do prazo",
    "recebi o produto bem depois da data prometida",
    "entrega atrasou demais, só chegou agora",
)
LATE_ASKING: Final = (
    "quando chega o meu {item}? ainda não recebi",
    "ainda não recebi o produto, onde está?",
    "meu pedido não chegou ainda, vai demorar?",
)
BLAMES_COURIER: Final = (
    "os correios são péssimos, meu {item} não chegou e o prazo acabou",
    "a transportadora é uma vergonha, pedido atrasado e nada de entrega",
    "culpa do entregador, já passou {days} dias do prazo e não recebi",
)
NOT_RECEIVED: Final = (
    "consta como entregue mas não recebi nada",
    "o site diz que foi entregue para {name}, aqui não chegou nenhum {item}",
    "no rastreio aparece entregue e eu não recebi o {item}",
)
WRONG: Final = (
    "comprei um {item} e veio {other}",
    "produto errado, pedi {item} e recebi {other}",
    "enviaram a cor errada, não foi o que comprei",
)
VAGUE: Final = (
    "péssimo",
    "não gostei, muito decepcionado",
    "não recomendo esta loja",
    "horrível, nunca mais",
)
PRAISE: Final = (
    "adorei o {item}, chegou antes do prazo",
    "ótimo produto, recomendo",
    "muito bom, obrigada",
)
SLANG: Final = (("você", ("vc",)), ("não", ("nao", "n")), ("também", ("tb",)), ("porque", ("pq",)))
