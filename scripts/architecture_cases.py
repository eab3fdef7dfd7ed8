"""The cases of make-architecture-goldens.py: a configuration, how transformers 4 spells it, and its mutations.

config      what transformers 5 is given; config.json is what it saves
version4    config-4.json: rope_theta and rope_scaling at the top level, defaults left out; the same model
mutations   settings of which each must change the logits
short       the length of a second, shorter run, where the length chooses the frequencies
seed        where the usual one, from the name, has an activation that another order of sums moves to another code
scales      of the random weights: embedding, query
"""

SMALL = dict(
    vocab_size=96, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
)  # fmt: skip
# Two heads of width 16: eight rotary frequencies. One layer, since these cases differ in the frequencies only.
ROTARY = SMALL | dict(vocab_size=48, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, tie_word_embeddings=True)
UNTIED = SMALL | dict(vocab_size=64, tie_word_embeddings=False)
TIED = SMALL | dict(tie_word_embeddings=True)
DEFAULT_ROPE = dict(rope_type="default", rope_theta=10000.0)


def theta(value):
    return dict(rope_type="default", rope_theta=value)


def rotary_case(kind, scaling, base, mutations=(), spelling="rope_type", **extra):
    """A llama with these rotary frequencies. Another kind of frequencies is always a mutation."""
    common = dict(model_type="llama") | ROTARY | extra.pop("sizes", {})
    rope = dict(rope_type=kind, rope_theta=base) | scaling
    case = dict(
        config=common | dict(rope_parameters=rope),
        version4=common | dict(rope_theta=base, rope_scaling={spelling: kind} | scaling),
        mutations=[dict(rope_parameters=theta(base))] + [dict(rope_parameters=rope | change) for change in mutations],
        scales=dict(query=3.0),
    )
    return case | extra


def plain_case(kind, sizes, base, extra, mutations, version4=None, **more):
    """Two layers with plain rotary frequencies."""
    common = dict(model_type=kind) | sizes
    case = dict(
        config=common | extra | dict(rope_parameters=theta(base)),
        version4=common | (extra if version4 is None else version4) | dict(rope_theta=base, rope_scaling=None),
        mutations=[dict(rope_parameters=theta(base * 3))] + mutations,
        scales=dict(query=2.0),
    )
    return case | more


YARN = dict(factor=4.0, original_max_position_embeddings=48)
YARN_RAMP = YARN | dict(beta_fast=4.0, beta_slow=0.5)
SHORT_FACTOR = [1.0, 1.3, 1.7, 2.2, 2.9, 3.5]
LONG_FACTOR = [1.5, 2.5, 4.0, 6.0, 9.0, 12.0]


def phi4(original, **extra):
    """Phi-4-mini: partial rotary, longrope, tied. 16 * 0.75 = 12 rotated of each 16, so six factors."""
    sizes = dict(model_type="phi3") | ROTARY
    scaling = dict(short_factor=SHORT_FACTOR, long_factor=LONG_FACTOR)
    rope = dict(rope_type="longrope", rope_theta=200.0, partial_rotary_factor=0.75) | scaling
    common = sizes | dict(original_max_position_embeddings=original, sliding_window=None)
    config = common | dict(rope_parameters=rope, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    reversed_factors = dict(short_factor=SHORT_FACTOR[::-1], long_factor=LONG_FACTOR[::-1])
    version4 = common | dict(bos_token_id=1, eos_token_id=2, pad_token_id=0, rope_theta=200.0)
    return dict(
        config=config,
        version4=version4 | dict(partial_rotary_factor=0.75, rope_scaling=dict(type="longrope") | scaling),
        mutations=[
            dict(rope_parameters=rope | reversed_factors),
            dict(rope_parameters=rope | dict(short_factor=LONG_FACTOR, long_factor=SHORT_FACTOR)),
            dict(rope_parameters=rope | dict(attention_factor=1.0)),
        ],
        scales=dict(query=3.0),
    ) | extra


def gemma3():
    sizes = dict(model_type="gemma3_text", hidden_activation="gelu_pytorch_tanh") | TIED | dict(head_dim=8)
    layers = ["sliding_attention", "full_attention"]
    extra = dict(query_pre_attn_scalar=24, sliding_window=8, bos_token_id=2, eos_token_id=1, pad_token_id=0)
    full = dict(rope_type="linear", factor=8.0, rope_theta=1000000.0)
    rope = dict(full_attention=full, sliding_attention=theta(10000.0))
    version4 = dict(rope_theta=1000000.0, rope_local_base_freq=10000.0, rope_scaling=dict(rope_type="linear", factor=8.0))
    return dict(
        config=sizes | extra | dict(layer_types=layers, rope_parameters=rope),
        version4=sizes | extra | version4 | dict(sliding_window_pattern=2),
        mutations=[
            dict(sliding_window=9),
            dict(layer_types=layers[::-1]),
            dict(query_pre_attn_scalar=8),
            dict(hidden_activation="silu"),
            dict(rope_parameters=rope | dict(full_attention=theta(1000000.0))),
            dict(rope_parameters=rope | dict(sliding_attention=theta(20000.0))),
        ],
        scales=dict(embedding=0.2, query=2.0),
    )


def gemma2():
    sizes = dict(hidden_activation="gelu_pytorch_tanh", head_dim=8) | TIED
    extra = dict(query_pre_attn_scalar=24, sliding_window=8, attn_logit_softcapping=3.0, final_logit_softcapping=5.0)
    extra |= dict(bos_token_id=2, eos_token_id=1, pad_token_id=0)
    mutations = [
        dict(sliding_window=9),
        dict(layer_types=["full_attention", "sliding_attention"]),
        dict(query_pre_attn_scalar=8),
        dict(attn_logit_softcapping=None),
        dict(final_logit_softcapping=None),
        dict(hidden_activation="gelu"),
    ]
    scales = dict(embedding=0.2, query=2.0)
    return plain_case("gemma2", sizes, 10000.0, extra, mutations, scales=scales)


def granite():
    extra = dict(embedding_multiplier=6.0, attention_multiplier=0.2, residual_multiplier=0.6, logits_scaling=3.0)
    mutations = [{key: value * 1.2} for key, value in extra.items()] + [dict(attention_bias=False, mlp_bias=False)]
    extra |= dict(attention_bias=True, mlp_bias=True)
    return plain_case("granite", TIED, 10000.0, extra, mutations[:4], scales=dict(embedding=0.1, query=2.0))


def qwen2_sliding():
    extra = dict(use_sliding_window=True, sliding_window=8, max_window_layers=1)
    return plain_case("qwen2", TIED, 1000000.0, extra, [dict(max_window_layers=2), dict(max_window_layers=0), dict(sliding_window=9)])


CASES = {
    "llama_tied": plain_case("llama", TIED, 10000.0, {}, [dict(rms_norm_eps=0.1)]),
    "llama_untied_bias": plain_case("llama", UNTIED, 50000.0, dict(attention_bias=True, mlp_bias=True), []),
    "llama_head_dim": plain_case("llama", TIED | dict(num_hidden_layers=1, head_dim=16), 10000.0, {}, []),
    "llama_rope_linear": rotary_case("linear", dict(factor=2.5), 500.0, [dict(factor=3.0)], spelling="type"),
    "llama_rope_dynamic": rotary_case(
        "dynamic", dict(factor=3.0), 500.0, [dict(factor=4.0)], sizes=dict(max_position_embeddings=16), short=12
    ),
    "llama_rope_llama3": rotary_case(
        "llama3",
        dict(factor=3.0, low_freq_factor=0.7, high_freq_factor=2.3, original_max_position_embeddings=16),
        500.0,
        [dict(factor=4.0), dict(low_freq_factor=1.0), dict(high_freq_factor=3.5), dict(original_max_position_embeddings=64)],
    ),
    "llama_rope_yarn": rotary_case("yarn", YARN, 500.0, [dict(factor=3.0), dict(original_max_position_embeddings=20)]),
    "llama_rope_yarn_mscale": rotary_case(
        "yarn",
        YARN_RAMP | dict(mscale=1.4, mscale_all_dim=0.6, truncate=False),
        500.0,
        [dict(mscale=1.0), dict(mscale_all_dim=1.0), dict(truncate=True), dict(beta_fast=6.0), dict(beta_slow=1.0)],
    ),
    "llama_rope_yarn_factor": rotary_case("yarn", YARN_RAMP | dict(attention_factor=1.3), 500.0, [dict(attention_factor=1.0)]),
    "mistral": plain_case("mistral", UNTIED | dict(num_hidden_layers=1), 10000.0, dict(sliding_window=8), [dict(sliding_window=None), dict(sliding_window=9)], seed=766),
    "mistral_full": plain_case(
        "mistral", UNTIED | dict(vocab_size=48, num_hidden_layers=1, head_dim=16), 10000.0, dict(sliding_window=None), [dict(sliding_window=8)]
    ),
    "qwen2": plain_case(
        "qwen2", TIED, 1000000.0, dict(use_sliding_window=False, sliding_window=8, max_window_layers=0), []
    ),
    "qwen2_sliding": qwen2_sliding(),
    "qwen3": plain_case("qwen3", TIED | dict(head_dim=16, num_hidden_layers=1), 1000000.0, dict(attention_bias=False), []),
    "smollm3": plain_case(
        "smollm3",
        TIED | dict(bos_token_id=1, eos_token_id=2, pad_token_id=0),
        10000.0,
        dict(no_rope_layers=[1, 0]),
        [dict(no_rope_layers=[1, 1]), dict(no_rope_layers=[0, 1]), dict(no_rope_layers=[0, 0])],
        version4=dict(no_rope_layer_interval=2),
    ),
    "gemma2": gemma2(),
    "gemma3_text": gemma3(),
    "phi3": plain_case(
        "phi3",
        UNTIED | dict(original_max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0),
        10000.0,
        dict(sliding_window=8),
        [dict(sliding_window=None), dict(sliding_window=9)],
    ),
    "phi4_mini_short": phi4(32),
    "phi4_mini_long": phi4(16, short=12),
    "olmo2": plain_case("olmo2", UNTIED | dict(pad_token_id=0, eos_token_id=2), 500000.0, {}, [dict(rms_norm_eps=0.1)]),
    "granite": granite(),
}
