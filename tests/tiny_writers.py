"What the generation tests share: language models of two layers that write nonsense, or exactly what they are told, in folders or in memory."
from pathlib import Path

from cancer_staging.corpora.synthetic import synthetic_reports

REPORTS = [{"text": f"Left breast, {'invasive ductal ' * number}carcinoma, pT{number % 4 + 1}."} for number in range(8)]  # the longer, the more to read
CHAT = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<end>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"


def byte_pairs(chat: bool = True):
    "A tokenizer of 600 byte pairs learnt on invented reports, with a chat template or without."
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    pairs = ByteLevelBPETokenizer()
    pairs.train_from_iterator([report.text for report in synthetic_reports(20)], vocab_size=600, special_tokens=["<pad>", "<begin>", "<end>"], show_progress=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pairs._tokenizer, pad_token="<pad>", bos_token="<begin>", eos_token="<end>")
    tokenizer.chat_template = CHAT if chat else None
    return tokenizer


FAMILIES = ("llama", "mistral", "gemma3_text", "ministral")


def random_writer(chat: bool = True, positions: int = 2048, spread: float = 0.3, family: str = "llama"):
    "A random model of a family and its tokenizer; the smaller the spread of its weights, the sooner it loops."
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = byte_pairs(chat)
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2, head_dim=16, intermediate_size=64,
                                  max_position_embeddings=positions, pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=spread)
    return AutoModelForCausalLM.from_config(config).eval(), tokenizer


def telling_writer(tokenizer, steps: dict[int, int], positions: int = 2048):
    "A Llama that writes after each token the one that `steps` says."
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=128, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, intermediate_size=16, max_position_embeddings=positions,
                         pad_token_id=0, bos_token_id=1, eos_token_id=2)
    model = LlamaForCausalLM(config).eval()
    vectors = torch.nn.functional.normalize(torch.randn(len(tokenizer), 128), dim=1)
    with torch.no_grad():
        model.model.layers[0].self_attn.o_proj.weight.zero_()
        model.model.layers[0].mlp.down_proj.weight.zero_()
        model.model.embed_tokens.weight.copy_(vectors)
        model.lm_head.weight.zero_()
        for before, after in steps.items():
            model.lm_head.weight[after] += vectors[before]
    return model


def save_writer(folder: Path, **settings) -> Path:
    "A random model with its tokenizer in a folder."
    model, tokenizer = random_writer(**settings)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
