"""What is simply to be put right: order of rows, parameters that learn, loss and output, places and padding."""

from __future__ import annotations

from goodfit.remedies.remedy import Judged, Remedy, own

SHUFFLING = Remedy(
    name="shuffling",
    causes=("unshuffled_data",),
    changes=own("unshuffled_data", touching="shuffle"),
    reason="A batch of one kind of rows pulls the weights towards that kind, the next one back.",
    source="Bottou 2012, Stochastic gradient descent tricks",
    costs="Nothing.",
    harms="None in training; where rows follow each other in time, the split must not be shuffled.",
)
ALL_LEARN = Remedy(
    name="all_learn",
    causes=("frozen_parameters",),
    changes=own("frozen_parameters"),
    reason="What gets no update stays random, and all else has to work around it.",
    source="torch.nn documentation: Module.parameters, ModuleList, requires_grad",
    costs="The gradients and updates of these layers.",
    harms="Layers that were frozen on purpose lose what they were trained to do.",
)
SUITED_LOSS = Remedy(
    name="suited_loss",
    causes=("wrong_loss",),
    changes=own("wrong_loss"),
    reason="The likelihood of such targets leads towards right answers, and faster the more wrong an answer is.",
    source="Bishop 2006, sections 4.3 and 5.2; Hung-yi Lee, ML 2021, lecture 5",
    costs="Nothing.",
    harms="Where errors cost differently from what the likelihood takes them for, it is not what is wanted.",
)
RAW_OUTPUTS = Remedy(
    name="raw_outputs",
    causes=("double_softmax",),
    changes=own("double_softmax"),
    reason="A softmax of a softmax can never be sure: its gradient is small wherever the answer is wrong.",
    source="torch documentation of CrossEntropyLoss: the input is expected to contain unnormalised logits",
    costs="Nothing.",
    harms="Code that reads the outputs as probabilities must apply the softmax itself.",
)
SUITED_OUTPUT = Remedy(
    name="suited_output",
    causes=("wrong_output_activation",),
    changes=own("wrong_output_activation"),
    reason="What an output can never be it can never learn.",
    source="Bishop 2006, section 5.2: output activations and losses belong together in pairs",
    costs="Nothing.",
    harms="Raw outputs may leave a range that answers cannot leave.",
)
POSITIONS = Remedy(
    name="positions",
    causes=("missing_position",),
    changes=own("missing_position"),
    reason="Attention and averages see a set of steps; a vector for each place makes it a sequence.",
    source="Vaswani et al. 2017, section 3.5; Gehring et al. 2017 for learnt ones",
    costs="One vector for each place.",
    harms="Sequences longer than those of training have places that were never learnt.",
)
CUT_PADDING = Remedy(
    name="cut_padding",
    causes=("padding_leak",),
    changes=own("padding_leak", touching="model.unpadded"),
    reason="What is never shown cannot enter states and means.",
    source="torch documentation of pack_padded_sequence; Vaswani et al. 2017 for masks in attention",
    costs="Rows of one length at a time: more, smaller batches.",
    harms="A network that counts on one length cannot take it.",
)
MASKED_PADDING = Remedy(
    name="masked_padding",
    causes=("padding_leak",),
    changes=own("padding_leak", touching="task.train"),
    reason="Padding is easy to predict: it flatters the score and leaves less of the loss for real steps.",
    source="torch documentation of CrossEntropyLoss: ignore_index",
    costs="Nothing.",
    harms="None, unless the value of padding is a real one as well.",
    judged=Judged.FINDING,
)
BATCH_STATISTICS = Remedy(
    name="batch_statistics",
    causes=("batchnorm_misuse",),
    changes=own("batchnorm_misuse"),
    reason="In evaluation the running statistics stand in for the batch's: they have to have followed them.",
    source="Ioffe & Szegedy 2015; Ba et al. 2016; Wu & He 2018 for small batches",
    costs="Nothing.",
    harms="Layer normalisation mends it without batches, and often does a little worse in convolutional networks.",
)
