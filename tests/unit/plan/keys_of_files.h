/* SPDX-License-Identifier: Apache-2.0
 * Every setting of an experiment file (those of `pretraining` stand in test_keys.c), a change of
 * it, and by hand the keys that must change with it.
 */
#ifndef TESTS_UNIT_PLAN_KEYS_OF_FILES_H
#define TESTS_UNIT_PLAN_KEYS_OF_FILES_H

#include <stddef.h>

/* `before` (or nothing) is said in both experiments, `after` in the second alone; the letters of
 * `changes` are those of test_keys.c. */
typedef struct setting {
    const char *name, *before, *after, *changes;
} setting;

/* Adapters of version1.tar.gz, by the keys of their stages. */
#define ADAPTER(key) "small.db.artifacts/updates/" key
#define TOPIC "517ac53d29e126af04b56a5f27a7fc1f1a2fa6f4ac8e9451a1aa7035bac5289f"
#define COUNTING "43eb85497554be1ad35eeb2e2bd4a97cacc5b39e2ad08c781f3b38fc29260fba"

static const setting of_files[] = {
    {"name", NULL, "name=other", "r"},
    {"root", NULL, "root=again", ""}, /* the same folder by another path */
    {"model", NULL, "model=other", "btr"},
    {"seeds", NULL, "seeds=[1]", "tr"},
    {"seeds", NULL, "seeds=[0, 1]", "t+r+"},
    /* other rows to train on; a probe's stay */
    {"sample_seed", NULL, "sample_seed=true", "t"},
    {"sample_seed", "protocol.head=reprobe", "sample_seed=true", "t"},
    {"sample_seed", NULL, "sample_seed=false", ""},
    {"sample_seed", "tasks.mood.train_rows=12", "sample_seed=true", ""}, /* all rows */
    {"keep", NULL, "keep=none", ""},
    {"checkpoint.minutes", NULL, "checkpoint.minutes=1", ""},
    {"stop.wall", NULL, "stop.wall=1h", ""},
    {"limit", NULL, "limit=2", "sciA"},
    {"corpora.name", NULL, "corpora.text.name=story", "liN"},
    {"corpora.path", NULL, "corpora.text.path=text2.txt", "liN"},
    {"corpora.path", NULL, "corpora.text.path=same.txt", ""},
    {"corpora.role", NULL, "corpora.made.role=pretraining", ""},
    {"corpora.filter", NULL, "corpora.text.filter=ascii", "liN"},
    {"corpora.tokens", NULL, "corpora.text.tokens=90", "liN"},
    {"corpora.stride", NULL, "corpora.text.stride=8", "liN"},
    {"corpora.window", NULL, "corpora.text.window=24", "liN"},
    {"corpora.field", NULL, "corpora.lines.field=body", "li"},
    {"corpora.documents", NULL, "corpora.text.documents=whole", "liN"},
    {"corpora.documents", NULL, "corpora.made.documents=5", "li"},
    {"corpora.seed", NULL, "corpora.made.seed=6", "li"},
    {"corpora.weight", NULL, "corpora.text.weight=2", ""},
    {"tasks.name", NULL, "tasks.mood.name=feel", "sciA"},
    {"tasks.path", NULL, "tasks.mood.path=mood2", "tsciA"},
    {"tasks.path", NULL, "tasks.mood.path=mood_again", ""},
    {"tasks.text", NULL, "tasks.mood.text=note", "tsciA"},
    {"tasks.label", NULL, "tasks.mood.label=kind", "tsciA"},
    {"tasks.template", NULL, "tasks.mood.template=\"{text} is\"", "tsciA"},
    {"tasks.labels", NULL, "tasks.mood.labels={no: ' sad', yes: ' happy'}", "tsciA"},
    {"tasks.test", NULL, "tasks.mood.test=validation", "sciA"},
    {"tasks.train_rows", NULL, "tasks.mood.train_rows=5", "t"},
    {"tasks.test_rows", NULL, "tasks.mood.test_rows=3", "sciA"},
    {"tasks.truncate", NULL, "tasks.mood.truncate=left", "tsciA"},
    {"tasks.normalise", NULL, "tasks.mood.normalise=tokens", "sciA"},
    {"tasks.seed", NULL, "tasks.topic.seed=3", "tsciA"},
    {"tasks.validation_fraction", "tasks.mood={name: mood, path: rows.jsonl}",
     "tasks.mood.validation_fraction=0.3", "tsciA"},

    /* measured, never trained on */
    {"watch.name", NULL, "watch.seen.name=feel", "si"},
    {"watch.path", NULL, "watch.seen.path=mood2", "si"},
    {"watch.text", NULL, "watch.seen.text=note", "si"},
    {"watch.label", NULL, "watch.seen.label=kind", "si"},
    {"watch.template", NULL, "watch.seen.template=\"{text} is\"", "si"},
    {"watch.labels", NULL, "watch.seen.labels={no: ' sad', yes: ' happy'}", "si"},
    {"watch.test", NULL, "watch.seen.test=validation", "si"},
    {"watch.train_rows", NULL, "watch.seen.train_rows=5", ""},
    {"watch.train_rows", "protocol.head=reprobe", "watch.seen.train_rows=5", "si"},
    {"watch.test_rows", NULL, "watch.seen.test_rows=3", "si"},
    {"watch.truncate", NULL, "watch.seen.truncate=left", "si"},
    {"watch.normalise", NULL, "watch.seen.normalise=tokens", "si"},
    {"watch.seed", NULL, "watch.order.seed=3", "si"},
    {"watch.validation_fraction", "watch.seen={name: seen, path: rows.jsonl}",
     "watch.seen.validation_fraction=0.3", "si"},
    {"orders.name", NULL, "orders=[{name: one, tasks: [mood, topic]}]", "r"},
    {"orders.tasks", NULL, "orders=[{name: given, tasks: [topic, mood]}]", "tcA"},
    {"methods.name", NULL, "methods.lora.name=other", "r"},
    {"methods.kind", NULL, "methods.matrices.kind=full", "tr"},
    {"methods.stages", NULL, "methods.given.stages=[" ADAPTER(COUNTING) "]", "t"},
    {"methods.rank", NULL, "methods.lora.rank=3", "tr"},
    {"methods.alpha", NULL, "methods.lora.alpha=3", "tr"},
    {"methods.dropout", NULL, "methods.lora.dropout=0.1", "tr"},
    {"methods.rslora", NULL, "methods.lora.rslora=true", "tr"},
    {"methods.target_modules", NULL, "methods.lora.target_modules=[q_proj]", "tr"},
    {"methods.target_modules", "methods.lora.target_modules=[k_proj]",
     "methods.lora.target_modules=[q_proj]", "tr"},
    {"methods.target_modules", NULL, "methods.matrices.target_modules=[q_proj]", "tr"},
    {"methods.learning_rate", NULL, "methods.lora.learning_rate=0.1", "tr"},
    {"methods.learning_rate", NULL, "methods.matrices.learning_rate=0.1", "tr"},
    {"methods.epochs", NULL, "methods.lora.epochs=2", "tr"},
    {"methods.batch_size", NULL, "methods.lora.batch_size=2", "tr"},
    {"methods.accumulation", NULL, "methods.lora.accumulation=2", "tr"},
    {"methods.max_seq_length", NULL, "methods.lora.max_seq_length=48", "tr"},
    {"methods.max_seq_length", NULL, "methods.lora.max_seq_length=80", "trsciA"}, /* the longest */
    {"methods.max_seq_length", NULL, "methods.given.max_seq_length=80", "sciA"},
    {"methods.schedule", NULL, "methods.lora.schedule=cosine", "tr"},
    {"methods.warmup_ratio", NULL, "methods.lora.warmup_ratio=0.5", "tr"},
    {"methods.weight_decay", NULL, "methods.lora.weight_decay=0.5", "tr"},
    {"methods.clip", NULL, "methods.lora.clip=0.5", "tr"},
    {"methods.beta1", NULL, "methods.lora.beta1=0.5", "tr"},
    {"methods.beta2", NULL, "methods.lora.beta2=0.5", "tr"},
    {"methods.epsilon", NULL, "methods.lora.epsilon=0.5", "tr"},
    {"methods.micro_tokens", NULL, "methods.lora.micro_tokens=512", "tr"},
    /* the first stage has no past, and stays */
    {"methods.strategy", NULL, "methods.lora.strategy=none", ""},
    {"methods.strategy", NULL, "methods.lora.strategy=replay", "tr"},
    {"methods.share", "methods.lora.strategy=replay", "methods.lora.share=0.5", "tr"},
    /* holds from the first stage on */
    {"methods.strategy", NULL, "methods.matrices.strategy=l2", "tr"},
    {"methods.weight", "methods.matrices.strategy=l2", "methods.matrices.weight=0.5", "tr"},
    {"methods.to", "methods.matrices.strategy=l2", "methods.matrices.to=start", "tr"},
    {"training.epochs", NULL, "training.epochs=2", "tr"},
    {"training.batch_size", NULL, "training.batch_size=2", "tr"},
    {"training.accumulation", NULL, "training.accumulation=2", "tr"},
    {"training.max_seq_length", NULL, "training.max_seq_length=48", "trsciA"},
    {"training.schedule", NULL, "training.schedule=constant", "tr"},
    {"training.warmup_ratio", NULL, "training.warmup_ratio=0.5", "tr"},
    {"training.weight_decay", NULL, "training.weight_decay=0.5", "tr"},
    {"training.clip", NULL, "training.clip=0.5", "tr"},
    {"training.beta1", NULL, "training.beta1=0.5", "tr"},
    {"training.beta2", NULL, "training.beta2=0.5", "tr"},
    {"training.epsilon", NULL, "training.epsilon=0.5", "tr"},
    {"training.micro_tokens", NULL, "training.micro_tokens=512", "tr"},
    {"protocol.adapter", NULL, "protocol.adapter=continue", "tr"},
    {"protocol.adapter", NULL, "protocol.adapter=stack", "tr"},
    {"protocol.head", NULL, "protocol.head=linear", "trsciA"},
    {"protocol.head", "protocol.head=linear", "protocol.head=reprobe", "sciA"}, /* trained alike */
    {"protocol.evaluate", NULL, "protocol.evaluate=seen", "s-i"},
    /* runs of their own, with all their cells; a bound has no interventions, a single task no
       overlaps */
    {"bounds.joint", NULL, "bounds.joint=last", "t+r+s+l+p+c+o+n+e+w+N+A+D+"},
    /* what is trained on the first task alone is the first stage of the method itself */
    {"bounds.joint", "bounds.joint=last", "bounds.joint=all", "s+l+p+c+n+e+w+N+A+D+"},
    {"bounds.single", NULL, "bounds.single=true", "t+r+s+l+p+c+n+e+w+N+A+D+"},
    /* with what their counts need alone: of the first config of every method that trains */
    {"bounds.perturbed", NULL, "bounds.perturbed=2", "t+r+s+l+p+"},
    {"bounds.perturbed.runs", "bounds.perturbed=2", "bounds.perturbed={runs: 3}", "t+r+"},
    {"bounds.perturbed.configs", "bounds.perturbed=2",
     "bounds.perturbed={runs: 2, configs: [lora]}", "t-r-s-l-p-"},
    {"intruders.top", NULL, "intruders.top=11", "pi"},
    {"intruders.sides", NULL, "intruders.sides=[u]", "pD"},
    {"intruders.sides", "intruders.sides=[u]", "intruders.sides=[v]", "pD"},
    {"intruders.against", NULL, "intruders.against=[base, previous]", "p+"},
    /* auto: of full updates the last stage alone */
    {"intruders.nulls", NULL, "intruders.nulls=all", "n+"},
    {"intruders.nulls", NULL, "intruders.nulls=none", "n-"},
    {"intruders.exact", NULL, "intruders.exact=true", ""}, /* as narrow matrices are anyway */
    {"track.every", NULL, "track.every=3", "D"},
    {"track.spectra", NULL, "track.spectra=false", "D-"},
    {"track.top", NULL, "track.top=11", "D"},
    {"track.nll_tokens", NULL, "track.nll_tokens=50", "N"},
    {"track.task_rows", NULL, "track.task_rows=3", "A"},
    {"interventions.choices", NULL, "interventions.choices=[top, all]", "i+"},
    {"interventions.arms", NULL, "interventions.arms=[intruders]", "i-"},
    {"interventions.lambdas", NULL, "interventions.lambdas=[0, 0.5, 0.7]", "i+"},
    {"interventions.stages", NULL, "interventions.stages=all", "i+"},
    {"interventions.k", NULL, "interventions.k=8", "i"},
    {"interventions.epsilon", NULL, "interventions.epsilon=0.4", "i"},
    {"interventions.side", NULL, "interventions.side=v", "i"},
    {"interventions.compare", NULL, "interventions.compare=together", "i"},
    {"matrices.name", NULL, "matrices.0.name=0.k_proj", "o"},
    {"matrices.stages", NULL, "matrices.0.stages=all", "o+"},
    {"measures", NULL, "measures=[]", ""},
    {"matrices.sides", NULL, "matrices.0.sides=[u, v]", "o"},
};

#endif
