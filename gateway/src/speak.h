/* speak.h - an answer's sentences on <prefix>/<site>/speech, or below the request's response topic.
 *
 * While a model is still answering, each sentence is published as it becomes whole:
 *
 *     {"trace","seq":1,"text":"It will rain.","final":false,"replaces":false,"id","session","here"}
 *
 * The last message of an answer, "final": true, holds what is left to say ("" when nothing is); with
 * "replaces": true what came before does not stand (the model failed on the way, or its calls were not
 * accepted) and `text` is all there is to say. The response follows as always, with the whole speech, so who
 * does not read this topic misses nothing. An answer of which no sentence was published has no messages here.
 * QoS 0: late words are of no use. Threads: the loop's. */
#ifndef LT_SPEAK_H
#define LT_SPEAK_H

struct lt_req;

/* May its answer be spoken while it comes? Not for doors that say it themselves. */
int lt_speak_wanted(const struct lt_req *r);
/* An lt_tier_say_fn whose ctx is the request. */
void lt_speak(void *req, const char *sentence);
/* The result stands: the last message, if there were any. */
void lt_speak_end(struct lt_req *r);

#endif
