"""The words that announce an answer, in the languages that models answer in."""

ANSWER_WORDS: tuple[str, ...] = (
    # English; "option" and "choice" only where an adjective makes them an announcement
    *("answer", "ans", "solution", "conclusion", "verdict", "prediction"),
    *(
        f"{adjective} {noun}"
        for adjective in ("correct", "right", "best", "final", "selected", "chosen", "my")
        for noun in ("option", "choice", "letter", "selection", "match", "guess", "pick")
    ),
    *("choice", "selection"),
    # Germanic and Romance
    *("antwort", "lösung", "antwoord", "svar", "svaret", "richtige option", "richtige wahl"),
    *("réponse", "reponse", "bonne option", "choix"),
    *("respuesta", "opción correcta", "opcion correcta", "resposta", "opção correta"),
    *("opção certa", "risposta", "opzione corretta", "scelta corretta", "răspunsul", "raspunsul"),
    # Slavic, Baltic, Finno-Ugric, Greek, Turkic
    *("odpowiedź", "odpowiedz", "odpověď", "odpoveď", "ответ", "ответом", "відповідь", "odgovor"),
    *("atsakymas", "atbilde", "vastus", "válasz", "απάντηση", "cevap", "yanıt"),
    # South and South-East Asia, Middle East
    *("đáp án", "câu trả lời", "jawaban", "jawapan", "คำตอบ", "उत्तर", "উত্তর", "الإجابة", "الجواب"),
    *("اجابة", "إجابة", "پاسخ", "תשובה", "התשובה"),
    # East Asia
    *("答案", "正确选项", "正確選項", "选择", "選擇", "我选", "我選", "应选", "應選", "故选"),
    *("回答", "答え", "正解", "解答", "정답", "답변", "답", "答"),
)

LINKS: tuple[str, ...] = (
    *("is", "are", "was", "be", "would be", "must be", "should be", "has to be", "seems to be"),
    *("appears to be", "ist", "lautet", "wäre", "war", "est", "serait", "sería", "seria", "es"),
    *(
        "é",
        "è",
        "sarebbe",
        "är",
        "er",
        "to",
        "jest",
        "je",
        "це",
        "это",
        "является",
        "este",
        "είναι",
    ),
    *("là", "adalah", "ialah", "है", "হল", "คือ", "هي", "هو", "היא", "הוא", "است"),
    *("应该是", "應該是", "应为", "應為", "是", "为", "為", "は", "が", "은", "는", "이", "가"),
)

POINT_WORDS: tuple[str, ...] = (
    *("points", "point", "keypoint", "key point", "marker", "arrow", "label", "labeled"),
    *(
        "labelled",
        "labeled as",
        "labelled as",
        "marked",
        "marked as",
        "marked with",
        "candidate",
        "location",
    ),
    *("position", "spot", "dot", "punkt", "pkt", "punto", "ponto", "точка", "точке", "точку"),
    *("точкой", "点", "點", "标记", "標記", "ポイント", "점", "포인트", "nokta", "điểm"),
)
"""Words for a thing drawn in the photo: the label after them is the drawn one, not the option's."""

OPTION_WORDS: tuple[str, ...] = (
    *("option", "choice", "letter", "opción", "opcion", "opção", "opzione", "auswahl", "wariant"),
    *("вариант", "вариантом", "选项", "選項", "選択肢", "선택지", "보기", "seçenek", "lettre"),
    *("lettera", "buchstabe", "letra"),
)

NEGATIONS: tuple[str, ...] = (
    *("not", "n't", "cannot", "never", "neither", "nor", "without", "except"),
    *("rather than", "instead of", "unlike", "exclude", "excluding", "rule out", "ruling out"),
    *("ruled out", "eliminate", "eliminating", "eliminated", "incorrect", "wrong", "nicht", "kein"),
    *("weder", "noch", "pas", "ni", "non", "não", "nem", "не", "ни", "nie", "than"),
)

HYPOTHETICALS: tuple[str, ...] = (
    *("if", "whether", "unless", "suppose", "supposing", "assume", "assuming", "when"),
    *("wenn", "falls", "ob", "si", "se", "если", "如果", "若", "もし"),
)
